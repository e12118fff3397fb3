namespace UsageBilling.Cloud.Database;

/// <summary>The database cannot be used; the message says what to do.</summary>
public sealed class DatabaseUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
