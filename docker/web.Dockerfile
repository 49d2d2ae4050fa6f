# The web image: pages and API, the admin with webhooks, the scheduler and the migration, by command.
#
#   docker build --file docker/web.Dockerfile --tag easel-web .
#   docker build --file docker/web.Dockerfile --target sbom --output var/sbom .
#
# docs/containers.md tells the rest.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.15-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba

# Packages: a layer that changes with the lock alone.
FROM ${PYTHON_IMAGE} AS packages
RUN python -m venv /opt/pip && python -m venv --without-pip /opt/easel
COPY requirements/web.txt docker/tools/build.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/pip/bin/pip --python /opt/easel/bin/python install --no-compile --require-hashes \
    --requirement /build/web.txt --requirement /build/build.txt

# What the environment holds, as CycloneDX.
FROM packages AS inventory
COPY docker/tools/sbom.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/sbom \
    && /opt/sbom/bin/pip install --require-hashes --requirement /build/sbom.txt
COPY pyproject.toml /build/
RUN mkdir /sbom \
    && /opt/sbom/bin/cyclonedx-py environment --pyproject /build/pyproject.toml \
    --output-reproducible --output-format JSON --output-file /sbom/easel-web.cdx.json \
    /opt/easel/bin/python
FROM scratch AS sbom
COPY --from=inventory /sbom/ /

# Sources, compiled translations and collected static files.
FROM packages AS product
WORKDIR /srv/easel
COPY pyproject.toml manage.py ./
COPY config config
COPY gpu_tasks/__init__.py gpu_tasks/reproduce.py gpu_tasks/
COPY gpu_tasks/engine gpu_tasks/engine
COPY gpu_tasks/nodes gpu_tasks/nodes
COPY gpu_tasks/providers gpu_tasks/providers
COPY gpu_tasks/training gpu_tasks/training
COPY apps apps
COPY templates templates
COPY static static
# Registers the plug-in of Celery's command line.
RUN /opt/pip/bin/pip --python /opt/easel/bin/python install \
    --no-cache-dir --no-compile --no-deps --no-build-isolation --editable .
# The settings want addresses and a key; nothing connects to these, and none stays in the image.
# What was collected is not needed a second time, and source maps only by who has the source.
RUN /opt/easel/bin/python -m config.messages \
    && DJANGO_SETTINGS_MODULE=config.settings.production \
    EASEL_SECRET_KEY=of-the-build-alone EASEL_DATABASE_URL=postgresql:///nobody \
    EASEL_REDIS_URL=rediss://nobody EASEL_EMAIL_HOST=nobody EASEL_VAR_DIR=/var/lib/easel \
    /opt/easel/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && find /var/lib/easel/static -name '*.map*' -delete \
    && rm -rf static /opt/easel/lib/python3.11/site-packages/*/static \
    /opt/easel/lib/python3.11/site-packages/django/contrib/admin/static \
    && mkdir static
# Needed by the build alone; then translations to languages that the product does not have. Bytecode
# is made now, since nobody can write it later.
RUN /opt/pip/bin/pip --python /opt/easel/bin/python uninstall --yes babel rjsmin setuptools \
    && find /opt/easel -path '*/locale/*/LC_MESSAGES/*' \
    ! -path '*/locale/en/*' ! -path '*/locale/ko/*' -delete \
    && /opt/easel/bin/python -m compileall -q -j 0 /opt/easel/lib /srv/easel

FROM ${PYTHON_IMAGE} AS web
LABEL org.opencontainers.image.title="easel-web" \
    org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 easel \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
    --shell /usr/sbin/nologin easel
ENV PATH=/opt/easel/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings.production \
    EASEL_VAR_DIR=/var/lib/easel \
    EASEL_INSTALL_DIRECTORY=/tmp/installs
WORKDIR /srv/easel
COPY docker/health/web.py /opt/health.py
COPY --from=product /opt/easel /opt/easel
COPY --from=product /var/lib/easel /var/lib/easel
COPY --from=product /srv/easel /srv/easel
USER 10001:10001
# The one place that is written. Fargate mounts a volume with the rights of a path declared so.
VOLUME ["/tmp"]
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "/opt/health.py"]
# Idle connections are the balancer's to close (after 120 s), or a request meets a closed one; and
# open sockets must not keep a task that is asked to end.
CMD ["uvicorn", "--host", "0.0.0.0", "--port", "8080", "--workers", "2", "--no-proxy-headers", \
    "--no-access-log", "--ws-per-message-deflate=false", "--timeout-keep-alive", "130", \
    "--timeout-graceful-shutdown", "30", "config.asgi:application"]
