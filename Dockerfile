# tokend, its tokenctl, and loginsvc on Debian's own libraries; the command chooses the program.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev make cmake ninja-build pkg-config python3 \
        libevent-dev libhiredis-dev libcurl4-openssl-dev libjansson-dev libssl-dev \
        libsqlite3-dev libmariadb-dev libinih-dev libcmocka-dev
COPY . /src
RUN cd /src && cmake --preset release && \
    cmake --build --preset release --target tokend tokenctl loginsvc

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates curl libevent-2.1-7 libevent-pthreads-2.1-7 libhiredis0.14 libcurl4 \
        libjansson4 libssl3 libsqlite3-0 libmariadb3 libinih1 && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --system --home-dir /var/lib/loginsvc --create-home loginsvc
COPY --from=build /src/build/release/bin/ /usr/local/bin/
USER loginsvc
CMD ["tokend"]
