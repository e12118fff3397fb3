// Draws Apache ECharts from options in JSON. What JSON cannot say (a function) is named and looked up here, so that no text is ever run as code.
const formatters = {
  number: value => typeof value === "number" ? value.toLocaleString("en", { maximumFractionDigits: 3 }) : value,
};

const charts = new Map();
const resize = new ResizeObserver(entries => entries.forEach(e => charts.get(e.target)?.resize()));

function name(options) {
  for (const key of Object.keys(options)) {
    const value = options[key];
    if ((key === "formatter" || key === "valueFormatter") && typeof value === "string" && formatters[value]) {
      options[key] = formatters[value];
    } else if (value && typeof value === "object" && key !== "data") {
      name(value);
    }
  }
  return options;
}

export function draw(element, json) {
  let chart = charts.get(element);
  if (!chart) {
    chart = echarts.init(element);
    charts.set(element, chart);
    resize.observe(element);
  }
  chart.setOption(name(JSON.parse(json)), { replaceMerge: ["series"] });
}

export function forget(element) {
  resize.unobserve(element);
  charts.get(element)?.dispose();
  charts.delete(element);
}
