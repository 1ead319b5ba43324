namespace Weft.Ovsdb.Tests;

/// <summary>A database with one column of every shape.</summary>
internal static class TestSchema
{
    public const string Database = "test";

    public const string Json = """
        {
          "name": "test",
          "version": "1.2.3",
          "tables": {
            "thing": {
              "columns": {
                "name": { "type": "string" },
                "number": { "type": "integer" },
                "real": { "type": "real" },
                "flag": { "type": "boolean" },
                "id": { "type": "uuid" },
                "maybe": { "type": { "key": "string", "min": 0, "max": 1 } },
                "numbers": { "type": { "key": "integer", "min": 0, "max": "unlimited" } },
                "map": { "type": { "key": "string", "value": "string", "min": 0, "max": "unlimited" } },
                "small": { "type": { "key": "string", "value": "integer", "min": 0, "max": 1 } },
                "color": { "type": { "key": { "type": "string", "enum": ["set", ["red", "blue"]] }, "min": 0, "max": 1 } },
                "level": { "type": { "key": { "type": "integer", "minInteger": 0, "maxInteger": 9 } }, "ephemeral": true },
                "parts": { "type": { "key": { "type": "uuid", "refTable": "part" }, "min": 0, "max": "unlimited" } },
                "friends": {
                  "type": { "key": { "type": "uuid", "refTable": "thing", "refType": "weak" }, "min": 0, "max": "unlimited" }
                },
                "fixed": { "type": "string", "mutable": false }
              },
              "indexes": [["name"]],
              "isRoot": true
            },
            "part": { "columns": { "label": { "type": "string" } }, "maxRows": 1000 }
          }
        }
        """;
}
