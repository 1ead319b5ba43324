using System.Text.RegularExpressions;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>Walks through a case that the suite writes out in shell: loops unrolled, variables put in.</summary>
internal static partial class SuiteScript
{
    /// <param name="script">The case's lines.</param>
    /// <param name="variables">The shell's variables; a command may set one.</param>
    /// <param name="command">Runs a command, given as words; <c>check</c> is AT_CHECK's arguments where it is inside one.</param>
    /// <summary>Runs every command of the script in order.</summary>
    public static async Task RunAsync(
        IReadOnlyList<ScriptLine> script,
        Dictionary<string, string> variables,
        Func<IReadOnlyList<string>, IReadOnlyList<string>?, Task> command
    )
    {
        for (var at = 0; at < script.Count; at++)
        {
            if (script[at].Text.StartsWith("for ", StringComparison.Ordinal))
            {
                var end = at + 1;
                while (script[end].Text != "done")
                {
                    end++;
                }
                var (name, values) = Loop(script[at].Text);
                foreach (var value in values)
                {
                    variables[name] = value;
                    await RunAsync([.. script.Skip(at + 1).Take(end - at - 1)], variables, command);
                }
                at = end;
            }
            else if (script[at].Check is { } check)
            {
                await command(SuiteText.ShellWords(check[0], variables), check);
            }
            else if (Assignment().Match(script[at].Text) is { Success: true } assignment)
            {
                variables[assignment.Groups["name"].Value] = string.Concat(
                    SuiteText.ShellWords(assignment.Groups["value"].Value, variables)
                );
            }
            else
            {
                await command(SuiteText.ShellWords(script[at].Text, variables), null);
            }
        }
    }

    private static (string Name, IReadOnlyList<string> Values) Loop(string line)
    {
        if (Sequence().Match(line) is { Success: true } sequence)
        {
            var first = int.Parse(sequence.Groups["first"].Value);
            var last = int.Parse(sequence.Groups["last"].Value);
            return ("i", [.. Enumerable.Range(first, last - first + 1).Select(i => $"{i}")]);
        }
        var words = SuiteText.ShellWords(line);
        return (
            words[1],
            [
                .. words
                    .Skip(3)
                    .SkipLast(1)
                    .Select(word => word.TrimEnd(';').Trim())
                    .Where(word => word.Length > 0),
            ]
        );
    }

    [GeneratedRegex("`seq (?<first>[0-9]+) (?<last>[0-9]+)`")]
    private static partial Regex Sequence();

    [GeneratedRegex(@"^(?<name>\w+)=(?<value>.*)$", RegexOptions.Singleline)]
    private static partial Regex Assignment();
}
