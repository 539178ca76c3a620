# seif on NVIDIA GPUs, with vLLM beside it in an environment of its own, as it pins its own torch:
#   docker build -f containers/gpu.Dockerfile -t seif:gpu .
#   docker run --rm --gpus all --ipc host --user "$(id -u)" -v "$HOME/.cache/huggingface:/cache/huggingface" -v "$PWD:/work" \
#     seif:gpu run qwen2.5-7b-lora --set engine.vllm.python=/opt/vllm/bin/python
# The wheels of torch bring CUDA's libraries; the host needs a driver and NVIDIA's container toolkit alone.
FROM python:3.12-slim-bookworm
ARG PIP_EXTRA_INDEX_URL=""
ARG VERSION=0.2.0
ARG VLLM="vllm==0.31.0"
# Triton compiles kernels on the machine that it runs on.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev libnuma1 \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/vllm && /opt/vllm/bin/pip install --no-cache-dir "${VLLM}"
WORKDIR /src
COPY . .
RUN SETUPTOOLS_SCM_PRETEND_VERSION="${VERSION}" \
    pip install --no-cache-dir --constraint constraints.txt '.[analyze,general,harness,ifbench,lora,serve]' \
    && useradd --create-home --uid 1000 seif \
    && install --directory --mode 1777 /work /cache
ENV HOME=/cache HF_HOME=/cache/huggingface
USER 1000
WORKDIR /work
ENTRYPOINT ["seif"]
CMD ["--help"]
