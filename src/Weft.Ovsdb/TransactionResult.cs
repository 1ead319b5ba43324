using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>The result of one operation of a transaction; the kind of operation decides which members are set.</summary>
/// <param name="Count">The number of rows that an update, mutation or deletion matched; 0 for other operations.</param>
/// <param name="Uuid">The UUID of the inserted row.</param>
/// <param name="Rows">The selected rows.</param>
public readonly record struct OperationResult(long Count, Guid? Uuid, ImmutableArray<Row> Rows)
{
    internal static OperationResult FromJson(JsonElement json)
    {
        long count = 0;
        Guid? uuid = null;
        var rows = ImmutableArray<Row>.Empty;
        foreach (var member in Json.Object(json, "the result of an operation").EnumerateObject())
        {
            if (member.NameEquals("count"u8))
            {
                count = Json.Integer(member.Value);
            }
            else if (member.NameEquals("uuid"u8))
            {
                uuid = Datum.FromJson(member.Value).AsUuid();
            }
            else if (member.NameEquals("rows"u8))
            {
                var builder = ImmutableArray.CreateBuilder<Row>(
                    Json.Array(member.Value, "rows").GetArrayLength()
                );
                foreach (var row in member.Value.EnumerateArray())
                {
                    builder.Add(Row.FromJson(row));
                }

                rows = builder.MoveToImmutable();
            }
        }

        return new(count, uuid, rows);
    }
}

/// <summary>The result of a committed transaction, operation by operation.</summary>
/// <param name="Operations">One result for each operation.</param>
/// <param name="Remote">The remote that executed it.</param>
public sealed record TransactionResult(ImmutableArray<OperationResult> Operations, Remote Remote)
{
    /// <summary>The result of an operation.</summary>
    /// <param name="index">The index of the operation, from 0.</param>
    /// <returns>Its result.</returns>
    public OperationResult this[int index] => Operations[index];

    /// <summary>
    /// Reads the reply as in RFC 7047, section 4.1.3: one result per operation, in order; after the first error, null for each
    /// operation that was not tried; and if only the commit failed, one more element with the error.
    /// </summary>
    internal static TransactionResult FromJson(
        JsonElement json,
        string database,
        IReadOnlyList<Operation> operations,
        Remote remote
    )
    {
        var results = ImmutableArray.CreateBuilder<OperationResult>(operations.Count);
        ImmutableArray<OperationError>.Builder? errors = null;
        var index = 0;
        foreach (var result in Json.Array(json, "the result of a transaction").EnumerateArray())
        {
            if (result.ValueKind == JsonValueKind.Object && result.TryGetProperty("error"u8, out _))
            {
                var words = ServerWords.FromJson(result);
                var ofOperation = index < operations.Count;
                (errors ??= ImmutableArray.CreateBuilder<OperationError>()).Add(
                    new(
                        ofOperation ? index : null,
                        ofOperation ? operations[index] : null,
                        words.Error,
                        words.Details,
                        words.Syntax
                    )
                );
            }
            else if (errors is null && index < operations.Count)
            {
                results.Add(OperationResult.FromJson(result));
            }

            index++;
        }

        if (errors is not null)
        {
            throw new OvsdbTransactionException(database, remote, errors.ToImmutable());
        }

        return results.Count == operations.Count
            ? new(results.MoveToImmutable(), remote)
            : throw new OvsdbProtocolException(
                $"{remote} answered a transaction of {operations.Count} operations with {index} results and no error"
            );
    }
}
