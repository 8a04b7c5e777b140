# The operator's image; docs/image.md says what is inside, and how base and CA bundle are refreshed.
# By digest, of all platforms; the tag beside it is for people.
ARG BASE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/rotated-rds
COPY requirements/ requirements/
COPY image/prune.py image/
RUN tools/bin/pip install --quiet --require-hashes --only-binary :all: -r requirements/build.txt \
 && tools/bin/pip --python /opt/rotated-rds/bin/python install --quiet --require-hashes --only-binary :all: -r requirements/run.txt \
 && tools/bin/python image/prune.py /opt/rotated-rds
COPY pyproject.toml README.md LICENSE ./
COPY operator/ operator/
RUN tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . \
 && tools/bin/pip --python /opt/rotated-rds/bin/python install --quiet --no-deps --no-index dist/*.whl
# Amazon's own bundle by default; RDS_CA_BUNDLE_FILE, a path in the build context under image/, for a build without internet.
ARG RDS_CA_BUNDLE_URL=https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
ARG RDS_CA_BUNDLE_SHA256=e5bb2084ccf45087bda1c9bffdea0eb15ee67f0b91646106e466714f9de3c7e3
ARG RDS_CA_BUNDLE_FILE=
COPY image/ image/
RUN tools/bin/python image/ca_bundle.py /build/etc/rds-ca-bundle.pem

FROM ${BASE}
# The system's libpq: on one that a Python package brings, the operator could not ask why a login was refused.
RUN apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends libpq5 >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/*
ENV PATH=/opt/rotated-rds/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["rotated-rds"]
CMD ["run"]
COPY --from=build /opt/rotated-rds /opt/rotated-rds
COPY --from=build /build/etc/ /etc/rotated-rds/
ARG BASE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="rotated-rds" \
      org.opencontainers.image.description="One Kubernetes resource that rotates an RDS password, checks it, mirrors it and restarts who depends on it." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
