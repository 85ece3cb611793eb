# The environment that `train` and `sample` run in; code, sprites and base model are mounted: docs/cloud.md#a-container
#   docker build --tag sprite-lora .
# Python 3.11.13 on Debian 12, by the digest of its image index; packages as uv.lock pins them, with their hashes.
ARG BASE=docker.io/library/python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1
FROM ${BASE}
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /opt/sprite-lora
COPY pyproject.toml uv.lock ./
ENV UV_PROJECT_ENVIRONMENT=/opt/venv UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-group dev --extra gpu --no-install-project
ENV PATH=/opt/venv/bin:$PATH
USER 1000:1000
