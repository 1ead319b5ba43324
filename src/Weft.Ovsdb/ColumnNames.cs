using System.Collections;

namespace Weft.Ovsdb;

/// <summary>
/// An ordered list of column names. All rows of a replicated table share one, so that a row holds only its values.
/// </summary>
internal sealed class ColumnNames : IReadOnlyList<string>
{
    // With fewer names than this, comparing strings is faster than hashing.
    private const int WorthAnIndex = 8;

    private readonly List<string> _names = [];
    private Dictionary<string, int>? _index;

    public int Count => _names.Count;

    public string this[int index] => _names[index];

    public int IndexOf(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (_index is not null)
        {
            return _index.TryGetValue(name, out var at) ? at : -1;
        }

        for (var i = 0; i < _names.Count; i++)
        {
            if (string.Equals(_names[i], name, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }

    public int Add(string name)
    {
        _names.Add(name);
        if (_index is not null)
        {
            _index.Add(name, _names.Count - 1);
        }
        else if (_names.Count > WorthAnIndex)
        {
            _index = new(StringComparer.Ordinal);
            for (var i = 0; i < _names.Count; i++)
            {
                _index.Add(_names[i], i);
            }
        }

        return _names.Count - 1;
    }

    public IEnumerator<string> GetEnumerator() => _names.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
