# seif on CPUs:
#   docker build -f containers/cpu.Dockerfile -t seif:cpu .
#   docker run --rm --user "$(id -u)" -v "$PWD:/work" seif:cpu demo
# With PIP_EXTRA_INDEX_URL, an index that has torch's CPU builds, the image is several GB smaller.
FROM python:3.11-slim-bookworm
ARG PIP_EXTRA_INDEX_URL=""
# `.git` is not copied, so the version comes from here.
ARG VERSION=0.2.0
WORKDIR /src
COPY . .
RUN SETUPTOOLS_SCM_PRETEND_VERSION="${VERSION}" \
    pip install --no-cache-dir --constraint constraints.txt '.[analyze,general,ifbench,lora,serve]' \
    && useradd --create-home --uid 1000 seif \
    && install --directory --mode 1777 /work /cache
ENV HOME=/cache HF_HOME=/cache/huggingface
USER 1000
WORKDIR /work
ENTRYPOINT ["seif"]
CMD ["--help"]
