DROP TABLE spent_federation_tokens;
