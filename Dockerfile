# claimstream in a small image, run by nobody in particular.
#
#   docker build -t claimstream .
#   docker run --rm -v claims:/var/lib/claimstream claimstream demo

FROM rust:1.95-slim-bookworm AS build
# SQLite, aws-lc, librdkafka and its OpenSSL are compiled from the C sources that their crates carry;
# OpenSSL's own build needs all of Perl.
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc g++ make cmake perl libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin claimstream \
 && strip target/release/claimstream

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin claimstream \
 && install -d -o claimstream -g claimstream -m 0700 /var/lib/claimstream
COPY --from=build /src/target/release/claimstream /usr/local/bin/claimstream
COPY --from=build /src/LICENSE /usr/share/doc/claimstream/LICENSE
COPY --from=build /src/config/claimstream.toml /usr/share/doc/claimstream/claimstream.toml
USER claimstream
WORKDIR /var/lib/claimstream
VOLUME /var/lib/claimstream
ENV CLAIMSTREAM__SERVICE__DATA_DIR=/var/lib/claimstream
# For `run`: asks /livez and /readyz on [service] listen. It finds a configuration file by CLAIMSTREAM_CONFIG,
# so name the file there rather than by --config. Not ready yet (75) is unhealthy to Docker as well; a start
# has a minute for it.
HEALTHCHECK --interval=15s --timeout=8s --start-period=60s --retries=3 \
  CMD ["/usr/local/bin/claimstream", "doctor", "--live"]
ENTRYPOINT ["/usr/local/bin/claimstream"]
CMD ["--help"]
