using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>One operation of a transaction (RFC 7047, section 5.2).</summary>
public abstract record Operation
{
    private protected Operation(string name) => Name = name;

    /// <summary>The operation's name on the wire, such as <c>insert</c>.</summary>
    public string Name { get; }

    internal void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("op"u8, Name);
        WriteMembers(writer);
        writer.WriteEndObject();
    }

    private protected abstract void WriteMembers(Utf8JsonWriter writer);

    private protected static void WriteWhere(Utf8JsonWriter writer, ImmutableArray<Condition> where)
    {
        writer.WriteStartArray("where"u8);
        foreach (var condition in where.IsDefault ? [] : where)
        {
            condition.WriteTo(writer);
        }

        writer.WriteEndArray();
    }

    private protected static void WriteColumns(
        Utf8JsonWriter writer,
        ImmutableArray<string> columns
    )
    {
        writer.WriteStartArray("columns"u8);
        foreach (var column in columns)
        {
            writer.WriteStringValue(column);
        }

        writer.WriteEndArray();
    }

    private protected static void WriteRow(Utf8JsonWriter writer, Row row)
    {
        writer.WritePropertyName("row"u8);
        row.WriteTo(writer);
    }
}

/// <summary>Inserts a row (section 5.2.1). Columns not given get the default of their type.</summary>
/// <param name="Table">The table.</param>
/// <param name="Row">The columns.</param>
public sealed record Insert(string Table, Row Row) : Operation("insert")
{
    private readonly string? _uuidName;

    /// <summary>A name by which other operations of the transaction refer to the row (<see cref="Atom.NamedUuid"/>).</summary>
    /// <exception cref="OvsdbValueException">
    /// The name is not a letter or underscore followed by letters, digits and underscores.
    /// </exception>
    public string? UuidName
    {
        get => _uuidName;
        init
        {
            if (value is not null)
            {
                Atom.CheckId(value);
            }

            _uuidName = value;
        }
    }

    /// <summary>The UUID for the row. An extension of Open vSwitch 2.13 (ovsdb-server(7), section 5.2.1).</summary>
    public Guid? Uuid { get; init; }

    private protected override void WriteMembers(Utf8JsonWriter writer)
    {
        writer.WriteString("table"u8, Table);
        WriteRow(writer, Row);
        if (UuidName is not null)
        {
            writer.WriteString("uuid-name"u8, UuidName);
        }

        if (Uuid is { } uuid)
        {
            writer.WriteString("uuid"u8, uuid);
        }
    }
}

/// <summary>Reads rows (section 5.2.2).</summary>
/// <param name="Table">The table.</param>
/// <param name="Where">The conditions that a row must meet, all of them; none means every row.</param>
public sealed record Select(string Table, ImmutableArray<Condition> Where) : Operation("select")
{
    /// <summary>The columns to read; default for all, including <c>_uuid</c> and <c>_version</c>.</summary>
    public ImmutableArray<string> Columns { get; init; }

    private protected override void WriteMembers(Utf8JsonWriter writer)
    {
        writer.WriteString("table"u8, Table);
        WriteWhere(writer, Where);
        if (!Columns.IsDefault)
        {
            WriteColumns(writer, Columns);
        }
    }
}

/// <summary>Sets columns of rows (section 5.2.3).</summary>
/// <param name="Table">The table.</param>
/// <param name="Where">The conditions that a row must meet, all of them; none means every row.</param>
/// <param name="Row">The columns to set.</param>
public sealed record Update(string Table, ImmutableArray<Condition> Where, Row Row)
    : Operation("update")
{
    private protected override void WriteMembers(Utf8JsonWriter writer)
    {
        writer.WriteString("table"u8, Table);
        WriteWhere(writer, Where);
        WriteRow(writer, Row);
    }
}

/// <summary>Changes columns of rows based on their present values (section 5.2.4).</summary>
/// <param name="Table">The table.</param>
/// <param name="Where">The conditions that a row must meet, all of them; none means every row.</param>
/// <param name="Mutations">The changes, in order.</param>
public sealed record Mutate(
    string Table,
    ImmutableArray<Condition> Where,
    ImmutableArray<Mutation> Mutations
) : Operation("mutate")
{
    private protected override void WriteMembers(Utf8JsonWriter writer)
    {
        writer.WriteString("table"u8, Table);
        WriteWhere(writer, Where);
        writer.WriteStartArray("mutations"u8);
        foreach (var mutation in Mutations.IsDefault ? [] : Mutations)
        {
            mutation.WriteTo(writer);
        }

        writer.WriteEndArray();
    }
}

/// <summary>Deletes rows (section 5.2.5).</summary>
/// <param name="Table">The table.</param>
/// <param name="Where">The conditions that a row must meet, all of them; none means every row.</param>
public sealed record Delete(string Table, ImmutableArray<Condition> Where) : Operation("delete")
{
    private protected override void WriteMembers(Utf8JsonWriter writer)
    {
        writer.WriteString("table"u8, Table);
        WriteWhere(writer, Where);
    }
}

/// <summary>What a <see cref="Wait"/> waits for.</summary>
public enum WaitUntil
{
    /// <summary>The rows found are those given.</summary>
    Equal,

    /// <summary>The rows found are not those given.</summary>
    NotEqual,
}

/// <summary>
/// Waits until a query finds, or no longer finds, the given rows (section 5.2.6). With a timeout of zero it guards a transaction:
/// if the rows are not as expected, the transaction fails with <see cref="ErrorNames.TimedOut"/> and changes nothing.
/// </summary>
/// <param name="Table">The table.</param>
/// <param name="Where">The conditions that a row must meet, all of them; none means every row.</param>
/// <param name="Columns">The columns to compare.</param>
/// <param name="Until">What to wait for.</param>
/// <param name="Rows">The rows, each with the columns to compare.</param>
public sealed record Wait(
    string Table,
    ImmutableArray<Condition> Where,
    ImmutableArray<string> Columns,
    WaitUntil Until,
    ImmutableArray<Row> Rows
) : Operation("wait")
{
    /// <summary>
    /// The maximum time to wait, to the millisecond; null for ever, as is <see
    /// cref="System.Threading.Timeout.InfiniteTimeSpan"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public TimeSpan? Timeout
    {
        get;
        init
        {
            field = value == System.Threading.Timeout.InfiniteTimeSpan ? null : value;
            if (field is { } timeout)
            {
                ArgumentOutOfRangeException.ThrowIfLessThan(timeout, TimeSpan.Zero, nameof(value));
            }
        }
    }

    private protected override void WriteMembers(Utf8JsonWriter writer)
    {
        if (Timeout is { } timeout)
        {
            writer.WriteNumber("timeout"u8, (long)timeout.TotalMilliseconds);
        }

        writer.WriteString("table"u8, Table);
        WriteWhere(writer, Where);
        WriteColumns(writer, Columns.IsDefault ? [] : Columns);
        writer.WriteString("until"u8, Until == WaitUntil.Equal ? "=="u8 : "!="u8);
        writer.WriteStartArray("rows"u8);
        foreach (var row in Rows.IsDefault ? [] : Rows)
        {
            row.WriteTo(writer);
        }

        writer.WriteEndArray();
    }
}

/// <summary>Makes the server answer the transaction only when it is on disk (section 5.2.7).</summary>
/// <param name="Durable">Whether to wait for the disk.</param>
public sealed record Commit(bool Durable) : Operation("commit")
{
    private protected override void WriteMembers(Utf8JsonWriter writer) =>
        writer.WriteBoolean("durable"u8, Durable);
}

/// <summary>Ends the transaction with the error <see cref="ErrorNames.Aborted"/> (section 5.2.8).</summary>
public sealed record Abort() : Operation("abort")
{
    private protected override void WriteMembers(Utf8JsonWriter writer) { }
}

/// <summary>Adds a comment to the transaction in the database's log (section 5.2.9).</summary>
/// <param name="Text">The comment.</param>
public sealed record Comment(string Text) : Operation("comment")
{
    private protected override void WriteMembers(Utf8JsonWriter writer) =>
        writer.WriteString("comment"u8, Text);
}

/// <summary>
/// Ends the transaction with <see cref="ErrorNames.NotOwner"/> unless the client holds a lock (section 5.2.10, <c>assert</c>).
/// </summary>
/// <param name="Lock">The lock's name.</param>
public sealed record AssertLock(string Lock) : Operation("assert")
{
    private protected override void WriteMembers(Utf8JsonWriter writer) =>
        writer.WriteString("lock"u8, Lock);
}
