# docker build -t ingestd .          (docker-bake.hcl: for amd64 and arm64)
# docker run --read-only --cap-drop ALL -v ./ingestd.yaml:/etc/ingestd/ingestd.yaml:ro -e LIVEKIT_API_SECRET \
#     -p 5004:5004 -p 127.0.0.1:9464:9464 ingestd
# It writes nothing, so the root may be read-only, and it runs under any --user.
#
# The digest of an index of several platforms; for a newer one: docker buildx imagetools inspect python:3.12-slim-bookworm
ARG PYTHON=python:3.12-slim-bookworm@sha256:a116514e19457bcb7af7efe9c3dd0b9b71e85b317694e7882a1c52aa15a78134
FROM ${PYTHON} AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# The same path as in the image and as in systemd/ingestd.service: a virtual environment cannot be moved.
RUN python -m venv --without-pip /opt/ingestd/.venv
# For the stand-ins with which H.265 is published (docs/h265.md).
RUN apt-get update && apt-get install -y --no-install-recommends gcc && rm -rf /var/lib/apt/lists/*
COPY requirements/runtime.lock requirements/build.lock requirements/
RUN pip --python /opt/ingestd/.venv/bin/python install --require-hashes -r requirements/runtime.lock
RUN pip install --require-hashes -r requirements/build.lock
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY ingestd ingestd
RUN hatchling build -t wheel -d dist \
    && pip --python /opt/ingestd/.venv/bin/python install --no-deps dist/ingestd-*.whl
# What never runs: numpy's tests alone are a tenth of the image.
RUN find /opt/ingestd/.venv -depth \( -name tests -o -name '*.pyx' -o -name '*.c' -o -name '*.h' -o -name '*.a' -o -name '*.pyi' \) -exec rm -rf {} +

# What that needs of this stage's system, and nothing else.
COPY scripts/image-root scripts/image-root
RUN scripts/image-root /opt/ingestd/.venv /rootfs

FROM scratch

COPY --from=build /rootfs /
USER 10001:10001
ENV LANG=C.UTF-8

# Loopback of a container is nobody's; goes before `http.listen` of the file, and HEALTHCHECK asks its port.
ENV INGESTD_HTTP__LISTEN=0.0.0.0:9464
EXPOSE 9464 5004
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["/opt/ingestd/.venv/bin/python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['INGESTD_HTTP__LISTEN'].rpartition(':')[2]), timeout=2); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]

# The exec form: SIGTERM reaches Python, which leaves the rooms and exits 0 within 5 s.
ENTRYPOINT ["/opt/ingestd/.venv/bin/ingestd"]
CMD ["run", "--config", "/etc/ingestd/ingestd.yaml"]
