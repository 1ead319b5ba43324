using System.Text;

namespace Weft.Ovsdb.Tests.Conformance;

/// <summary>
/// As much of m4, set up the way autoconf sets it up (quotes <c>[</c> and <c>]</c>, comments <c>#</c>), as Open
/// vSwitch's test files use: quoting, argument collection, rescanning of what a macro gives, <c>dnl</c>,
/// <c>m4_foreach</c> and macros without parameters.
/// </summary>
internal sealed class M4
{
    private readonly Dictionary<string, Func<IReadOnlyList<string>, string>> _macros = new(
        StringComparer.Ordinal
    );
    private readonly HashSet<string> _foreign = new(StringComparer.Ordinal);

    public M4()
    {
        _macros["m4_define"] = arguments =>
        {
            var name = arguments[0];
            var body = arguments.Count > 1 ? arguments[1] : "";
            if (!_foreign.Contains(name))
            {
                _macros[name] = _ => body;
            }
            return "";
        };
        // What it gives is expanded already: in quotes, so that it is not expanded again.
        _macros["m4_foreach"] = arguments =>
            $"[{string.Concat(List(arguments[1]).Select(element => With(arguments[0], element, arguments[2])))}]";
    }

    /// <summary>Makes <paramref name="name"/> a macro whose value is computed here; the files' own definition of it is ignored.</summary>
    public void Builtin(string name, Func<IReadOnlyList<string>, string> value)
    {
        _foreign.Add(name);
        _macros[name] = value;
    }

    /// <summary>What m4 prints for <paramref name="text"/>.</summary>
    public string Expand(string text)
    {
        var input = new Input(text);
        var output = new StringBuilder();
        while (input.More)
        {
            Token(input, output);
        }
        return output.ToString();
    }

    /// <summary>The arguments a macro gets that is called with <paramref name="text"/> between its parentheses.</summary>
    public IReadOnlyList<string> List(string text)
    {
        var elements = Arguments(new Input(text + ")"));
        return elements is [""] ? [] : elements;
    }

    private string With(string name, string value, string body)
    {
        var before = _macros.GetValueOrDefault(name);
        _macros[name] = _ => value;
        try
        {
            return Expand(body);
        }
        finally
        {
            _macros.Remove(name);
            if (before is not null)
            {
                _macros[name] = before;
            }
        }
    }

    private void Token(Input input, StringBuilder output)
    {
        var next = input.Take();
        if (next == '[')
        {
            Quoted(input, output);
        }
        else if (next == '#')
        {
            output.Append('#').Append(input.TakeLine());
        }
        else if (char.IsAsciiLetter(next) || next == '_')
        {
            Word(input, output, next);
        }
        else
        {
            output.Append(next);
        }
    }

    private static void Quoted(Input input, StringBuilder output)
    {
        for (var depth = 1; ; )
        {
            var next = input.Take();
            depth +=
                next == '[' ? 1
                : next == ']' ? -1
                : 0;
            if (depth == 0)
            {
                return;
            }
            output.Append(next);
        }
    }

    private void Word(Input input, StringBuilder output, char first)
    {
        var word = new StringBuilder().Append(first);
        while (input.More && (char.IsAsciiLetterOrDigit(input.Peek) || input.Peek == '_'))
        {
            word.Append(input.Take());
        }
        var name = word.ToString();
        if (name == "dnl")
        {
            input.TakeLine();
        }
        else if (!_macros.TryGetValue(name, out var macro))
        {
            output.Append(name);
        }
        else if (input.More && input.Peek == '(')
        {
            input.Take();
            input.Push(macro(Arguments(input)));
        }
        else if (_foreign.Contains(name))
        {
            output.Append(name);
        }
        else
        {
            input.Push(macro([]));
        }
    }

    private List<string> Arguments(Input input)
    {
        var arguments = new List<string>();
        while (true)
        {
            while (char.IsWhiteSpace(input.Peek))
            {
                input.Take();
            }
            var argument = new StringBuilder();
            for (var depth = 0; ; )
            {
                var next = input.Peek;
                if (depth == 0 && next is (',' or ')'))
                {
                    break;
                }
                if (next is '(' or ')')
                {
                    depth += next == '(' ? 1 : -1;
                    argument.Append(input.Take());
                }
                else
                {
                    Token(input, argument);
                }
            }
            arguments.Add(argument.ToString());
            if (input.Take() == ')')
            {
                return arguments;
            }
        }
    }

    /// <summary>Text being read, with what macros gave pushed in front of the rest.</summary>
    private sealed class Input(string text)
    {
        private readonly Stack<(string Text, int At)> _rest = new();
        private string _text = text;
        private int _at;

        public bool More
        {
            get
            {
                while (_at == _text.Length && _rest.TryPop(out var outer))
                {
                    (_text, _at) = outer;
                }
                return _at < _text.Length;
            }
        }

        public char Peek =>
            More
                ? _text[_at]
                : throw new FormatException("the file ends inside a macro call or a quotation");

        public char Take()
        {
            var next = Peek;
            _at++;
            return next;
        }

        public string TakeLine()
        {
            var line = new StringBuilder();
            while (More)
            {
                var next = Take();
                line.Append(next);
                if (next == '\n')
                {
                    break;
                }
            }
            return line.ToString();
        }

        public void Push(string text)
        {
            _rest.Push((_text, _at));
            (_text, _at) = (text, 0);
        }
    }
}
