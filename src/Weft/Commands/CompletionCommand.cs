using System.CommandLine;

namespace Weft.Commands;

/// <summary><c>weft completion</c>: what a shell needs to complete weft's commands and options.</summary>
internal static class CompletionCommand
{
    // The program itself says what may come next; the shells only ask it. It returns whatever contains the word: zsh and fish
    // choose among that themselves, bash takes all of it. Bash breaks words at '=', which the program must not get.
    private const string Bash = """
        _weft() {
          local word=${COMP_WORDS[COMP_CWORD]} next
          [ "$word" != = ] || word=
          COMPREPLY=()
          while IFS= read -r next; do
            [[ $next != "$word"* ]] || COMPREPLY+=("$next")
          done < <(weft "[suggest:${COMP_POINT}]" "${COMP_LINE//=/ }" 2>/dev/null | grep -v '^/')
        }
        complete -o default -F _weft weft
        """;

    private const string Zsh = """
        #compdef weft
        _weft() {
          local -a words_
          words_=("${(@f)$(weft "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null | grep -v '^/')}")
          compadd -a words_
          _files
        }
        # Loaded by its name from fpath, this file is the function at its first call; else it is sourced.
        if [ "$funcstack[1]" = _weft ]; then _weft "$@"; else compdef _weft weft; fi
        """;

    private const string Fish = """
        complete -c weft -a '(weft "[suggest:"(commandline -cp | string length)"]" (commandline -cp) 2>/dev/null | string match -v "/*")'
        """;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new WeftCommand("completion", "Print the completion script of a shell.")
        {
            Examples =
            [
                ("source <(weft completion bash)", "complete in this shell"),
                ("weft completion bash > /etc/bash_completion.d/weft", "complete in every bash"),
            ],
        };
        command.Arguments.Add(shell);
        command.SetAction(parsed =>
            Console.Out.WriteLine(
                parsed.GetValue(shell) switch
                {
                    "bash" => Bash,
                    "zsh" => Zsh,
                    _ => Fish,
                }
            )
        );
        return command;
    }
}
