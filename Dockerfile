# syntax=docker/dockerfile:1
# pcapstream: MCP server for packet captures. Captures are mounted read-only at /pcaps; the server reads nothing else.
#   docker build -t pcapstream .
#   docker run -i --rm -v "$PWD:/pcaps:ro" pcapstream                                             (stdio)
#   docker run --rm -p 127.0.0.1:8080:8080 -e PCAPSTREAM_AUTH_TOKEN -v "$PWD:/pcaps:ro" \
#       pcapstream --transport http --host 0.0.0.0                                                (http)

# Stage 1: the wheel of this project and of everything it needs. Both stages are Debian bookworm with Python 3.11: the
# wheels fetched here must fit the interpreter and the C library there.
FROM rust:1.88-slim-bookworm AS build
# The compiler's base image is pinned; versions of Debian's own packages come with it and vanish from its mirrors.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/build
WORKDIR /src
COPY Cargo.toml Cargo.lock pyproject.toml README.md LICENSE ./
COPY rust ./rust
COPY python ./python
# --locked: exactly the crates of Cargo.lock. The caches stay out of the image.
ENV MATURIN_PEP517_ARGS="--locked" \
    CARGO_TARGET_DIR=/tmp/target
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/tmp/target \
    --mount=type=cache,target=/root/.cache/pip \
    /opt/build/bin/pip wheel --wheel-dir /wheels .

# Stage 2: Python, the wheels, nothing that compiles.
FROM python:3.11-slim-bookworm
ARG VERSION=0.1.0
ARG VCS_REF=unknown
ARG BUILD_DATE=unknown
LABEL org.opencontainers.image.title="pcapstream" \
      org.opencontainers.image.description="MCP server for packet captures of any size, answered as they stream in" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/pcapstream/pcapstream" \
      org.opencontainers.image.url="https://github.com/pcapstream/pcapstream" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${VCS_REF}" \
      org.opencontainers.image.created="${BUILD_DATE}" \
      io.modelcontextprotocol.server.name="io.github.pcapstream/pcapstream"
# Modules are compiled at installation, so that nothing has to be written later. --no-index takes what stage 1 made.
# hadolint ignore=DL3013
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels pcapstream \
    && groupadd --system --gid 10001 pcapstream \
    && useradd --system --uid 10001 --gid pcapstream --no-create-home --home-dir /nonexistent pcapstream \
    && install --directory --mode 0755 /pcaps
# Nothing is written anywhere: --read-only works, without a tmpfs too.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PCAPSTREAM_HEALTH_URL=http://127.0.0.1:8080/health
USER 10001:10001
WORKDIR /pcaps
EXPOSE 8080
# For --transport http. A container that speaks stdio answers no health check: run it with --no-healthcheck if that
# matters, and set PCAPSTREAM_HEALTH_URL when --port is another.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(os.environ['PCAPSTREAM_HEALTH_URL'], timeout=4).close()"]
# Arguments of `docker run` come behind these, so that the folder stays confined whatever else is asked for.
# For the other commands: docker run --entrypoint pcapstream IMAGE analyze /pcaps/FILE
ENTRYPOINT ["pcapstream", "serve", "--allow-dir", "/pcaps"]
