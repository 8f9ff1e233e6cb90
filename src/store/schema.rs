//! The tables as diesel sees them. A test compares this file with the migrated database.

diesel::table! {
    users (id) {
        id -> Uuid,
        email -> Nullable<Text>,
        email_verified_at -> Nullable<Timestamptz>,
        username -> Nullable<Text>,
        password_scheme -> Text,
        password_key_id -> Int2,
        password_hash -> Text,
        password_changed_at -> Timestamptz,
        password_version -> Int4,
        password_disabled_at -> Nullable<Timestamptz>,
        failed_passwords -> Int4,
        codes_disabled_at -> Nullable<Timestamptz>,
        failed_codes -> Int4,
        roles -> Array<Text>,
        status -> Text,
        locale -> Text,
        created_at -> Timestamptz,
        first_signed_in_at -> Nullable<Timestamptz>,
        factor_epoch -> Int4,
        claims -> Text,
        failed_passwords_of_strangers -> Int4,
        failed_codes_of_strangers -> Int4,
        changed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    account_names (name) {
        name -> Text,
        user_id -> Uuid,
        reserved_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    user_handles (user_handle) {
        user_handle -> Bytea,
        user_id -> Uuid,
    }
}

diesel::table! {
    sessions (user_id, id) {
        id -> Uuid,
        user_id -> Uuid,
        state -> Text,
        methods -> Array<Text>,
        proved_at -> Array<Timestamptz>,
        password_changed_at -> Timestamptz,
        attempts -> Int2,
        delivery -> Text,
        refresh_counter -> Int8,
        rotated_at -> Nullable<Timestamptz>,
        step_up_counter -> Nullable<Int8>,
        stepped_up_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        last_used_at -> Timestamptz,
        expires_at -> Timestamptz,
        idle_expires_at -> Nullable<Timestamptz>,
        ip -> Nullable<Inet>,
        user_agent -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
        end_reason -> Nullable<Text>,
        parent_id -> Nullable<Uuid>,
        client_id -> Nullable<Uuid>,
        client_url -> Nullable<Text>,
        scopes -> Nullable<Array<Text>>,
        audience -> Nullable<Text>,
        redirect_uri -> Nullable<Text>,
        code_challenge -> Nullable<Bytea>,
        nonce -> Nullable<Text>,
        passkey_challenge_at -> Nullable<Timestamptz>,
        key_thumbprint -> Nullable<Bytea>,
        dpop_nonce_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    totp_factors (user_id, id) {
        id -> Uuid,
        user_id -> Uuid,
        state -> Text,
        session_id -> Nullable<Uuid>,
        sealed_secret -> Bytea,
        last_step -> Nullable<Int8>,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        confirmed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sent_code_factors (user_id, id) {
        id -> Uuid,
        user_id -> Uuid,
        channel -> Text,
        state -> Text,
        session_id -> Nullable<Uuid>,
        sealed_phone_number -> Nullable<Bytea>,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        confirmed_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sent_codes (user_id, session_id, purpose, channel) {
        user_id -> Uuid,
        session_id -> Uuid,
        purpose -> Text,
        channel -> Text,
        code_hash -> Bytea,
        attempts -> Int2,
        sent_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    passkeys (user_id, id) {
        id -> Uuid,
        user_id -> Uuid,
        credential_id -> Bytea,
        algorithm -> Int4,
        public_key -> Bytea,
        sign_count -> Int8,
        user_verified -> Bool,
        backup_eligible -> Nullable<Bool>,
        backed_up -> Bool,
        transports -> Array<Text>,
        aaguid -> Uuid,
        name -> Text,
        last_challenge_at -> Timestamptz,
        created_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
        signs_in_alone -> Bool,
        user_handle -> Nullable<Bytea>,
    }
}

diesel::table! {
    unfinished_registrations (user_id) {
        user_id -> Uuid,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    trusted_devices (user_id, id) {
        id -> Uuid,
        user_id -> Uuid,
        counter -> Int8,
        rotated_at -> Nullable<Timestamptz>,
        factor_epoch -> Int4,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
        ip -> Nullable<Inet>,
        user_agent -> Nullable<Text>,
    }
}

diesel::table! {
    api_keys (user_id, id) {
        user_id -> Uuid,
        id -> Uuid,
        name -> Text,
        scopes -> Array<Text>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    identities (user_id, id) {
        user_id -> Uuid,
        id -> Uuid,
        issuer -> Text,
        subject -> Text,
        email_seen -> Nullable<Text>,
        created_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    spent_federation_tokens (user_id, id) {
        user_id -> Uuid,
        id -> Uuid,
    }
}

diesel::table! {
    recovery_codes (user_id, code_hash) {
        user_id -> Uuid,
        code_hash -> Bytea,
        created_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    link_tokens (user_id, id) {
        id -> Uuid,
        user_id -> Uuid,
        purpose -> Text,
        email -> Text,
        session_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    throttles (key) {
        key -> Bytea,
        failures -> Int4,
        last_failed_at -> Timestamptz,
        locked_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    quotas (key, window_start) {
        key -> Bytea,
        window_start -> Timestamptz,
        used -> Int4,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    outbox (id) {
        id -> Uuid,
        channel -> Text,
        kind -> Text,
        sealed_message -> Bytea,
        state -> Text,
        attempts -> Int4,
        refusals -> Int4,
        created_at -> Timestamptz,
        next_try_at -> Timestamptz,
        expires_at -> Timestamptz,
        last_error -> Nullable<Text>,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        algorithm -> Text,
        state -> Text,
        sealed_private_key -> Bytea,
        created_at -> Timestamptz,
        activated_at -> Nullable<Timestamptz>,
        retired_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    retired_keys (master_key_id, purpose) {
        master_key_id -> Int2,
        purpose -> Text,
        sealed_key -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    clients (id) {
        id -> Uuid,
        name -> Text,
        secret_hash -> Nullable<Bytea>,
        created_at -> Timestamptz,
        kind -> Text,
        first_party -> Bool,
        redirect_uris -> Array<Text>,
        post_logout_redirect_uris -> Array<Text>,
        audiences -> Array<Text>,
        scopes -> Array<Text>,
        jwks -> Nullable<Text>,
        previous_secret_hash -> Nullable<Bytea>,
        previous_secret_expires_at -> Nullable<Timestamptz>,
        dpop_bound_access_tokens -> Bool,
    }
}

diesel::table! {
    device_requests (id) {
        id -> Uuid,
        client_id -> Uuid,
        scopes -> Array<Text>,
        audience -> Text,
        state -> Text,
        user_id -> Nullable<Uuid>,
        session_id -> Nullable<Uuid>,
        grant_id -> Nullable<Uuid>,
        poll_interval -> Int4,
        polled_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    consents (user_id, client_id, audience) {
        user_id -> Uuid,
        client_id -> Uuid,
        scopes -> Array<Text>,
        granted_at -> Timestamptz,
        audience -> Text,
    }
}

diesel::table! {
    webhooks (id) {
        id -> Uuid,
        url -> Text,
        events -> Array<Text>,
        include_addresses -> Bool,
        format -> Text,
        state -> Text,
        sealed_secret -> Bytea,
        sealed_previous_secret -> Nullable<Bytea>,
        previous_secret_expires_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        gone_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    webhook_deliveries (webhook_id, event_id) {
        webhook_id -> Uuid,
        event_id -> Uuid,
        subject_id -> Uuid,
        occurred_at -> Timestamptz,
        event_type -> Text,
        state -> Text,
        attempts -> Int4,
        next_try_at -> Timestamptz,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        last_status -> Nullable<Int4>,
        last_error -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    audit_events (subject_id, id, occurred_at) {
        id -> Uuid,
        subject_id -> Uuid,
        occurred_at -> Timestamptz,
        event -> Text,
        success -> Bool,
        reason -> Nullable<Text>,
        user_id -> Nullable<Uuid>,
        session_id -> Nullable<Uuid>,
        client_id -> Nullable<Uuid>,
        client_url -> Nullable<Text>,
        provider -> Nullable<Text>,
        webhook_id -> Nullable<Uuid>,
        actor_id -> Nullable<Uuid>,
        identifier_hash -> Nullable<Bytea>,
        request_id -> Uuid,
        route -> Nullable<Text>,
        ip -> Nullable<Inet>,
        user_agent -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(users, sessions);
diesel::allow_tables_to_appear_in_same_query!(users, passkeys);
diesel::allow_tables_to_appear_in_same_query!(users, trusted_devices);
diesel::allow_tables_to_appear_in_same_query!(users, api_keys);
diesel::allow_tables_to_appear_in_same_query!(users, identities);
diesel::allow_tables_to_appear_in_same_query!(sessions, clients);
diesel::allow_tables_to_appear_in_same_query!(users, clients);
