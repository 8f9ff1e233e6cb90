# syntax=docker/dockerfile:1

FROM rust:1.95.0-bookworm AS build
WORKDIR /build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpq-dev \
    && rm -rf /var/lib/apt/lists/*

# The dependencies alone: this layer is rebuilt only when they change. Cargo requires a file for every target of the
# manifest, so each gets an empty one.
COPY Cargo.toml Cargo.lock ./
COPY benches/load/Cargo.toml benches/load/Cargo.toml
COPY crates crates
RUN mkdir -p src tests/it tests/server tests/verifiers benches/load/src \
    && echo 'fn main() {}' | tee src/main.rs tests/it/main.rs tests/server/main.rs tests/verifiers/verify.rs \
        benches/primitives.rs benches/load/src/main.rs >src/lib.rs \
    && cargo build --release --locked \
    && rm -r src

# The artifacts of the empty files are removed. Otherwise Cargo would reuse them if the real files are older.
COPY migrations migrations
COPY web web
COPY src src
RUN cargo clean --release -p vestibule \
    && cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libpq5 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vestibule
COPY --from=build /build/target/release/vestibule /usr/local/bin/vestibule

# The image does not contain PostgreSQL: DATABASE_URL must name a server.
ENV VESTIBULE_LISTEN=0.0.0.0:8080
EXPOSE 8080
# By number, so that an orchestrator can verify that it is not root.
USER 10001:10001
WORKDIR /
STOPSIGNAL SIGTERM
# The command asks the server, whose address it takes from the same settings.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["vestibule", "health"]
ENTRYPOINT ["vestibule"]
CMD ["serve"]
