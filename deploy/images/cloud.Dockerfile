# usage-cloud, published self-contained by deploy/images/build; /mosquitto/passwords is the broker's password file, a volume that both share.
# Globalisation is invariant, so no ICU; zones come with NodaTime.
FROM debian:12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/usage-cloud --create-home usage-cloud \
    && install -d -o usage-cloud /mosquitto/passwords \
    && ln -s /opt/usage-cloud/usage-cloud /usr/local/bin/usage-cloud \
    && apt-get update && apt-get install -y --no-install-recommends ca-certificates curl && rm -rf /var/lib/apt/lists/*
COPY artifacts/images/UsageBilling.Cloud/ /opt/usage-cloud/
USER usage-cloud
WORKDIR /var/lib/usage-cloud
EXPOSE 8080
ENTRYPOINT ["/opt/usage-cloud/usage-cloud"]
CMD ["serve", "--bind", "0.0.0.0", "--state", "/var/lib/usage-cloud"]
