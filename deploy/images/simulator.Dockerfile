# usage-simulator, published self-contained by deploy/images/build.
FROM debian:12-slim
RUN useradd --system --uid 10003 --home-dir /var/lib/usage-simulator --create-home usage-simulator
COPY artifacts/images/UsageBilling.Edge.Simulator/ /opt/usage-simulator/
USER usage-simulator
WORKDIR /var/lib/usage-simulator
EXPOSE 5020
ENTRYPOINT ["/opt/usage-simulator/usage-simulator"]
CMD ["serve", "--bind", "0.0.0.0", "--modbus-port", "5020", "--site", "/etc/usage-simulator/site.yaml"]
