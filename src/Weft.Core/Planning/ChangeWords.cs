namespace Weft.Core.Planning;

/// <summary>What is said of changes.</summary>
public static class ChangeWords
{
    extension(ChangeAction action)
    {
        /// <summary>The action as plans, logs and JSON say it: <c>add</c>.</summary>
        public string Word => action.ToString().ToLowerInvariant();
    }
}
