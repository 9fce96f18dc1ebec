# Postrider in a container: one executable, on a base without a shell or a package manager.
#
#     docker build --tag postrider .
#
# deploy/README.md says how to run it. Both bases can be replaced, for example by mirrors or pinned digests:
# --build-arg BUILD_IMAGE=… needs npm and any Node.js 20 or later (the one that goes into the executable comes with the
# packages), --build-arg RUN_IMAGE=… needs libstdc++, libgcc and a glibc that is not older than that of the build image.

ARG BUILD_IMAGE=docker.io/library/node:26-trixie
ARG RUN_IMAGE=gcr.io/distroless/cc-debian13:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
# Node.js needs libatomic since version 25, and distroless has none.
RUN npm run build:binary && cp --dereference /usr/lib/*/libatomic.so.1 dist/

FROM ${RUN_IMAGE}
LABEL org.opencontainers.image.title="postrider" \
      org.opencontainers.image.description="A transactional outbox for Postgres: insert a row, and every matching endpoint gets a signed webhook." \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /src/dist/libatomic.so.1 /usr/lib/
COPY --from=build /src/dist/LICENSE /src/dist/LICENSES.txt /src/dist/sbom.cdx.json /usr/share/doc/postrider/
COPY --from=build /src/dist/postrider /usr/local/bin/
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
# `docker stop` kills after 10 s unless told otherwise. What is still in progress after 8 s is handed back to the queue.
ENV POSTRIDER_SHUTDOWN_GRACE=8s
# The listener, for probes and receivers from outside the container. Nothing of it is published unless the container says so.
ENV POSTRIDER_HTTP_LISTEN=0.0.0.0:8427
EXPOSE 8427
# Whether the daemon claims and records. A start waits for Postgres, and a health check takes 3 s at most.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/postrider", "health", "--ready"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/postrider"]
CMD ["run"]
