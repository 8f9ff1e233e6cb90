// A better-auth to compare with vestibule: e-mail and password, TOTP, and JWTs for a session.
//
//   node server.mjs populate NUMBER    creates its tables and users, and prints the data for the load generator
//   node server.mjs serve ADDRESS      serves with as many processes as there are processors
//
// Invariant: configured as its documentation recommends for production and, where there is a choice, for speed.
// Deviations from a default are explained. The database is the one that PGHOST, PGPORT, PGUSER and PGDATABASE name.

import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import { betterAuth } from 'better-auth';
import { generateRandomString, makeSignature, symmetricEncrypt } from 'better-auth/crypto';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { jwt, twoFactor } from 'better-auth/plugins';
import pg from 'pg';

/** Connections to the database, of all processes together: as many as vestibule has. */
const CONNECTIONS = 10;
const PROCESSES = availableParallelism();
const HOUR = 3_600_000;
const COST = Number(process.env.PEER_BCRYPT_COST);
const PASSWORD = 'korrekt pferd batterie heftklammer';
/** Logins of one user that are tried with the same code. */
const AGAIN = 8;

const pool = new pg.Pool({ max: Math.max(1, Math.floor(CONNECTIONS / PROCESSES)), idleTimeoutMillis: 0 });

const options = {
    baseURL: 'http://bench',
    // The same in each process. It protects nothing beyond a measurement.
    secret: 'a key of a benchmark, which protects nothing',
    database: pool,
    emailAndPassword: {
        enabled: true,
        // scrypt by default. bcrypt with one cost makes the work of a login the same in all services.
        password: {
            hash: (password) => bcrypt.hash(password, COST),
            verify: ({ hash, password }) => bcrypt.compare(password, hash),
        },
    },
    // All load comes from one address.
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    // The session and its user in two queries instead of one: assembling the result of a join takes longer.
    advanced: { database: { joins: false } },
    // `get-session` does not add a JWT to its answer, since clients can request one.
    plugins: [twoFactor(), jwt({ disableSettingJwtHeader: true })],
};

/** Returns a signed cookie as a browser sends it back. */
async function cookie(context, name, value) {
    const signed = `${value}.${await makeSignature(value, context.secret)}`;
    return `${name}=${encodeURIComponent(signed)}`;
}

/** Creates the state after a sign-in by password, like the plugin's hook, and returns the cookie that it sets. */
async function pend(context, userId) {
    const identifier = `2fa-${generateRandomString(20)}`;
    const expiresAt = new Date(Date.now() + 24 * HOUR);
    await context.internalAdapter.createVerificationValue({ value: userId, identifier, expiresAt });
    await context.internalAdapter.createVerificationValue({ value: '0', identifier: `2fa-attempts-${identifier}`, expiresAt });
    return cookie(context, context.createAuthCookie('two_factor').name, identifier);
}

/** Creates a user through better-auth's own adapters. Only the password check is omitted: it would take minutes. */
async function makeUser(context, place, password) {
    const email = `user${String(place).padStart(9, '0')}@example.com`;
    const { internalAdapter, adapter, secretConfig } = context;
    const user = await internalAdapter.createUser({ email, name: email, emailVerified: true, twoFactorEnabled: true });
    await internalAdapter.createAccount({ userId: user.id, providerId: 'credential', accountId: user.id, password });
    const secret = generateRandomString(32);
    const [sealed, backupCodes] = await Promise.all(
        [secret, '[]'].map((data) => symmetricEncrypt({ key: secretConfig, data })),
    );
    await adapter.create({
        model: 'twoFactor',
        data: { userId: user.id, secret: sealed, backupCodes, verified: true },
    });
    const session = await internalAdapter.createSession(user.id);
    return {
        email,
        secret: Buffer.from(secret).toString('hex'),
        id: user.id,
        pending: await pend(context, user.id),
        session: await cookie(context, context.authCookies.sessionToken.name, session.token),
    };
}

async function populate(number) {
    await (await getMigrations(options)).runMigrations();
    const context = await betterAuth(options).$context;
    const password = await context.password.hash(PASSWORD);
    const users = [];
    // One more than requested, whose logins are all tried with one code.
    while (users.length <= number) {
        const places = Array.from({ length: CONNECTIONS }, (_, i) => users.length + i);
        users.push(...(await Promise.all(places.map((place) => makeUser(context, place, password)))));
    }
    const last = users[number];
    const again = [];
    while (again.length < AGAIN) again.push({ ...last, pending: await pend(context, last.id) });
    await pool.query('VACUUM (ANALYZE)');
    const { version } = JSON.parse(readFileSync(new URL('node_modules/better-auth/package.json', import.meta.url)));
    const about = `better-auth ${version}, Node ${process.versions.node}; passwords by bcrypt, cost ${COST}`;
    process.stdout.write(JSON.stringify({ about, users: users.slice(0, number), again }));
    await pool.end();
}

async function serve(address) {
    const [host, port] = address.split(':');
    if (cluster.isPrimary) {
        for (let i = 0; i < PROCESSES; i += 1) cluster.fork();
        cluster.on('exit', () => process.exit(1));
        return;
    }
    const server = createServer(toNodeHandler(betterAuth(options))).listen(Number(port), host);
    // A connection may wait for longer than the default during a measurement.
    server.keepAliveTimeout = HOUR;
}

const [, , what, value] = process.argv;
await (what === 'serve' ? serve(value) : populate(Number(value)));
