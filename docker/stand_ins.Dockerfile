# What takes the place of AWS and of Cognito in docker/compose.yaml. Never deployed.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.15-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba
FROM ${PYTHON_IMAGE} AS stand-ins
RUN python -m venv /opt/stand-ins \
    && groupadd --gid 10001 easel \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
    --shell /usr/sbin/nologin easel
COPY docker/tools/stand_ins.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/stand-ins/bin/pip install --require-hashes --requirement /build/stand_ins.txt
ENV PATH=/opt/stand-ins/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/stand-ins
COPY docker/stand_ins .
USER 10001:10001
CMD ["moto_server", "--host", "0.0.0.0", "--port", "5000", "--ssl-cert", "/run/certificates/services.pem", "--ssl-key", "/run/certificates/services.key"]
