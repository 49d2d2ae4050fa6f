# The image of the GPU workers: one worker a GPU, listening to the queue of its tier alone.
#
#   docker build --file docker/worker.Dockerfile --tag easel-worker .
#   docker build --file docker/worker.Dockerfile --tag easel-worker:cpu \
#     --build-arg CUDA_IMAGE=docker.io/library/ubuntu:24.04 \
#     --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu .
#
# docs/containers.md tells the rest.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.15-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba
# Its flavour `base` is the CUDA runtime alone; the libraries of mathematics come with torch.
ARG CUDA_IMAGE=docker.io/nvidia/cuda:12.6.3-base-ubuntu24.04@sha256:c87e78933f4c16e3272123bf2f75537306596d0fbaa395a29696a22786e5ee0e

FROM ${PYTHON_IMAGE} AS packages
RUN python -m venv /opt/pip && python -m venv --without-pip /opt/easel
# The locks leave torch out: its file differs from index to index. It is most of the image and
# changes least, so it comes first. spandrel asks for a torchvision that it does without here (the
# locks, docs/decisions/0018): so no dependency beyond the lock is looked for.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cu126
ARG TORCH_VERSION=2.13.0
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/pip/bin/pip --python /opt/easel/bin/python install \
    --index-url "${TORCH_INDEX}" "torch==${TORCH_VERSION}"
COPY requirements/worker.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/pip/bin/pip --python /opt/easel/bin/python install \
    --no-deps --require-hashes --requirement /build/worker.txt

# What the environment holds, as CycloneDX.
FROM packages AS inventory
COPY docker/tools/sbom.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/sbom \
    && /opt/sbom/bin/pip install --require-hashes --requirement /build/sbom.txt
COPY pyproject.toml /build/
RUN mkdir /sbom \
    && /opt/sbom/bin/cyclonedx-py environment --pyproject /build/pyproject.toml \
    --output-reproducible --output-format JSON --output-file /sbom/easel-worker.cdx.json \
    /opt/easel/bin/python
FROM scratch AS sbom
COPY --from=inventory /sbom/ /

FROM packages AS product
WORKDIR /srv/easel
COPY manage.py ./
COPY config config
COPY gpu_tasks gpu_tasks
COPY apps apps
COPY templates templates
# Bytecode is made now, since nobody can write it later.
RUN mkdir static \
    && /opt/easel/bin/python -m config.messages \
    && /opt/easel/bin/python -m compileall -q -j 0 /srv/easel

FROM ${PYTHON_IMAGE} AS python

FROM ${CUDA_IMAGE} AS worker
LABEL org.opencontainers.image.title="easel-worker" \
    org.opencontainers.image.licenses="Apache-2.0"
# What Python is linked with; Debian 12 and Ubuntu 24.04 know these by the same names. Their
# versions are those of the base image's release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libbz2-1.0 libexpat1 libffi8 \
    liblzma5 libsqlite3-0 libssl3 libuuid1 zlib1g \
    && rm -rf /var/lib/apt/lists/*
COPY --from=python /usr/local /usr/local
# The cache of models: EFS or the instance's own disk is mounted there.
RUN ldconfig \
    && groupadd --gid 10001 easel \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
    --shell /usr/sbin/nologin easel \
    && mkdir -p /var/lib/easel/models \
    && chown -R 10001:10001 /var/lib/easel
ENV PATH=/opt/easel/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings.production \
    PYTHONPATH=/srv/easel \
    HF_HUB_OFFLINE=1 \
    HF_HOME=/tmp/huggingface \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    EASEL_VAR_DIR=/var/lib/easel \
    EASEL_MODEL_FILES_CACHE=/var/lib/easel/models \
    EASEL_MODELS_MEMORY_MAP=false \
    EASEL_HEARTBEAT_PATH=/tmp/easel-heartbeat \
    EASEL_WORKER_QUEUE=easel-gpu-basic.fifo
WORKDIR /srv/easel
COPY docker/health/worker.py /opt/health.py
COPY --from=packages /opt/easel /opt/easel
COPY --from=product /srv/easel /srv/easel
USER 10001:10001
VOLUME ["/tmp", "/var/lib/easel/models"]
# Before the first sign of life the default model is loaded.
HEALTHCHECK --interval=30s --timeout=5s --start-period=600s --retries=3 \
    CMD ["python", "/opt/health.py"]
# Celery is the process that signals go to.
CMD ["sh", "-c", "exec celery -A config worker -Q \"$EASEL_WORKER_QUEUE\" --pool solo --without-gossip --without-mingle --without-heartbeat"]
