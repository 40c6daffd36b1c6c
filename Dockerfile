# One static file on an empty image. Runs as any user, on a read-only root; what
# it keeps is in /data: steg.yaml, registration.yaml, secrets, the database.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/steg ./cmd/steg \
	&& mkdir -p /out/etc/ssl/certs \
	&& cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
	&& mkdir -m 1777 /out/data

FROM scratch
COPY --from=build /out/ /
ENV STEG_CONFIG=/data/steg.yaml
WORKDIR /data
VOLUME /data
USER 65532:65532
# The homeserver's transactions, and health with metrics: see steg.yaml, where
# both listen on the loopback interface until told otherwise.
EXPOSE 29300 29301
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["/steg", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/steg"]
CMD ["run"]
