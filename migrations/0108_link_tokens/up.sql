CREATE TABLE link_tokens (
    id         uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    purpose    text        NOT NULL,
    email      text        NOT NULL,
    session_id uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT link_tokens_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT link_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT link_tokens_purpose_known CHECK (purpose IN (
        'magic_link', 'password_reset', 'invitation', 'email_verification', 'email_change',
        'email_change_cancellation')),
    CONSTRAINT link_tokens_email_change_session CHECK ((purpose = 'email_change') = (session_id IS NOT NULL))
);

-- Retention finds rows by the time in their id.
CREATE INDEX link_tokens_id_idx ON link_tokens (id);

COMMENT ON TABLE link_tokens IS 'Tokens of links in mails, one row for each mail. Whatever invalidates a token deletes its row; a used one stays, marked, until it expires. Several tokens of a purpose are valid at once: with one row for each account and purpose, a stranger could invalidate the link in the owner''s mail by requesting another.';
COMMENT ON COLUMN link_tokens.id IS 'UUIDv7; named by the token.';
COMMENT ON COLUMN link_tokens.user_id IS 'The account that it is for.';
COMMENT ON COLUMN link_tokens.purpose IS 'What it authorizes. An invitation authorizes what password_reset does. email_verification verifies the account''s own address, email_change puts another one in its place, and email_change_cancellation stops that.';
COMMENT ON COLUMN link_tokens.email IS 'The address that it was sent to. For email_change, the address that the account is to have.';
COMMENT ON COLUMN link_tokens.session_id IS 'For email_change, the session that requested it: the token is valid only while that session is live. No foreign key: a deleted session is not live, and the row is valid for a day.';
COMMENT ON COLUMN link_tokens.created_at IS 'When it was created.';
COMMENT ON COLUMN link_tokens.expires_at IS 'When it expires.';
COMMENT ON COLUMN link_tokens.used_at IS 'When it was used. A token is used once; sending it again changes nothing.';
