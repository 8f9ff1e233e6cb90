ALTER TABLE webhooks DROP COLUMN gone_at;
