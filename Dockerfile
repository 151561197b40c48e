# Orlop in a container: `docker build -t orlop .`, then
# docker run --privileged --cgroupns host -v /sys/fs/cgroup:/sys/fs/cgroup -v orlop:/var/lib/orlop -p 7700:7700 orlop

FROM node:22-bookworm-slim AS frontend
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY frontend/ ./
COPY static/ ../static/
RUN node build.mjs

FROM rust:1.95-bookworm AS backend
WORKDIR /src
COPY . .
COPY --from=frontend /src/static/build static/build
RUN cargo build --release --package orlop

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates mmdebstrap \
    && rm -rf /var/lib/apt/lists/*
COPY --from=backend /src/target/release/orlop /usr/local/bin/orlop
VOLUME /var/lib/orlop
EXPOSE 7700
CMD ["orlop", "serve", "--listen", "0.0.0.0:7700"]
