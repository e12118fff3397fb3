// Draws Apache ECharts from options in JSON. What JSON cannot say (a function) is named, with its arguments, and looked up here, so that no text is ever run as code.
// Times come as the service point's local time with its offset ("2026-10-25T02:15+02:00") and are only cut up here, never computed: the browser's own zone has no part in it.
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const day = text => `${Number(text.slice(8, 10))} ${months[Number(text.slice(5, 7)) - 1]}`;
const weekday = text => weekdays[new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)) - 1, Number(text.slice(8, 10)))).getUTCDay()];
const clock = text => text.slice(11, 16);
const number = (value, decimals) => typeof value === "number" ? value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals ?? 3 }) : value;
const escape = text => String(text).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);

const functions = {
  number: ({ decimals }) => value => number(value, decimals),
  // Axis: the day at midnight, otherwise the time.
  local: () => text => text.length <= 10 || clock(text) === "00:00" ? day(text) : clock(text),
  clock: () => text => text.slice(11, 19),
  // Labels on whole hours that the step divides.
  every: ({ hours }) => (index, text) => text.slice(14, 16) === "00" && Number(text.slice(11, 13)) % hours === 0,
  // Tooltip: when, and each part that is not nothing.
  parts: ({ unit, decimals }) => items => {
    const at = items[0].axisValue;
    const head = `${weekday(at)} ${day(at)}${at.length > 10 ? ` ${clock(at)} <span class="offset">${escape(at.slice(16))}</span>` : ""}`;
    const rows = items.filter(i => typeof i.value === "number" && i.value !== 0)
      .map(i => i.seriesId === "missing" ? `${i.marker}${escape(i.seriesName)}` : `${i.marker}${escape(i.seriesName)} <b>${number(i.value, decimals)} ${escape(unit)}</b>`);
    return [head, ...rows].join("<br>");
  },
  // Tooltip of a heat map's cell: when, how much, and whether a part of it is missing.
  cell: ({ unit, decimals }) => item => {
    const { local, missing, value } = item.data;
    const head = `${weekday(local)} ${day(local)} ${clock(local)} <span class="offset">${escape(local.slice(16))}</span>`;
    return `${head}<br>${item.marker}<b>${number(value[2], decimals)} ${escape(unit)}</b>${missing > 0 ? `<br>${missing} intervals without data` : ""}`;
  },
};

const charts = new Map();
const resize = new ResizeObserver(entries => entries.forEach(e => charts.get(e.target)?.resize()));

function name(options) {
  for (const key of Object.keys(options)) {
    const value = options[key];
    if (value && typeof value === "object" && Object.hasOwn(functions, value.fn)) {
      options[key] = functions[value.fn](value);
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
  chart.setOption(name(JSON.parse(json)), { replaceMerge: ["series", "dataZoom"] });
}

export function forget(element) {
  resize.unobserve(element);
  charts.get(element)?.dispose();
  charts.delete(element);
}
