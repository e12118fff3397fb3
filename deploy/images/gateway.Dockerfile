# usage-gateway, published self-contained by deploy/images/build.
FROM debian:12-slim
RUN useradd --system --uid 10002 --home-dir /var/lib/usage-gateway --create-home usage-gateway \
    && apt-get update && apt-get install -y --no-install-recommends ca-certificates libgpiod2 && rm -rf /var/lib/apt/lists/*
COPY artifacts/images/UsageBilling.Edge/ /opt/usage-gateway/
# As in usage-gateway.service.
ENV DOTNET_GCgen0size=0x400000 DOTNET_EnableDiagnostics=0
USER usage-gateway
WORKDIR /var/lib/usage-gateway
ENTRYPOINT ["/opt/usage-gateway/usage-gateway"]
CMD ["run", "--config", "/etc/usage-gateway/gateway.yaml"]
