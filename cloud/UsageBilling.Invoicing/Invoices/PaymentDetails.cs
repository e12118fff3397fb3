namespace UsageBilling.Invoicing.Invoices;

/// <summary>How the invoice is to be paid: a credit transfer to this account.</summary>
/// <param name="Iban">Account to pay to (BT-84), without spaces.</param>
/// <param name="Bic">The bank's BIC (BT-86), or null.</param>
/// <param name="AccountName">Owner of the account (BT-85).</param>
/// <param name="Reference">What the payer quotes (BT-83).</param>
/// <param name="Terms">Payment terms in words (BT-20), or null.</param>
public sealed record PaymentDetails(string Iban, string? Bic, string AccountName, string Reference, string? Terms);
