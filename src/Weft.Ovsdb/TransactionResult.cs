using System.Collections.Immutable;
using System.Text.Json;

namespace Weft.Ovsdb;

/// <summary>What one operation of a transaction gave; which member is set depends on the operation.</summary>
/// <param name="Count">How many rows an update, a mutation or a deletion met; 0 for the others.</param>
/// <param name="Uuid">The UUID of the row that an insert made.</param>
/// <param name="Rows">The rows that a select found.</param>
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

/// <summary>What a transaction gave that was carried out, operation by operation.</summary>
/// <param name="Operations">As many results as there were operations.</param>
/// <param name="Remote">The remote that carried it out.</param>
public sealed record TransactionResult(ImmutableArray<OperationResult> Operations, Remote Remote)
{
    /// <summary>What an operation gave.</summary>
    /// <param name="index">Which, from 0.</param>
    /// <returns>Its result.</returns>
    public OperationResult this[int index] => Operations[index];

    /// <summary>
    /// RFC 7047, section 4.1.3: one result an operation, in order; after the first error, null for each that was not
    /// tried; and when only the commit failed, one more element with its error.
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
