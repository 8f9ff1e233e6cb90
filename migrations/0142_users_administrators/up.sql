-- Administrators are told of changes to the deployment. They are few among many accounts. Not CONCURRENTLY: that waits for
-- every open snapshot, so also for that of an instance that waits for this migration to end.
CREATE INDEX users_administrators_idx ON users (id) WHERE 'admin' = ANY (roles);
