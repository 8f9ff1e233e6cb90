# syntax=docker/dockerfile:1

FROM rust:1.95.0-bookworm AS build
WORKDIR /build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpq-dev \
    && rm -rf /var/lib/apt/lists/*

# The dependencies by themselves: this layer is made again only when they change. Cargo wants every target that its
# manifest names, so each gets an empty file.
COPY Cargo.toml Cargo.lock ./
COPY benches/load/Cargo.toml benches/load/Cargo.toml
RUN mkdir -p src tests/it tests/verifiers benches/load/src \
    && echo 'fn main() {}' | tee src/main.rs tests/it/main.rs tests/verifiers/verify.rs \
        benches/primitives.rs benches/load/src/main.rs >src/lib.rs \
    && cargo build --release --locked \
    && rm -r src

# What was built of the empty files goes, whatever the times of the real ones say.
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

# There is no PostgreSQL in here: DATABASE_URL has to name one.
ENV VESTIBULE_LISTEN=0.0.0.0:8080
EXPOSE 8080
# By number, so that an orchestrator sees that it is not root.
USER 10001:10001
WORKDIR /
STOPSIGNAL SIGTERM
# It asks the server that the same settings describe.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["vestibule", "health"]
ENTRYPOINT ["vestibule"]
CMD ["serve"]
