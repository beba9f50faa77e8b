// The page's module: it starts what the page has a place for.
import stations from "../data/stations.json" with { type: "json" };
import { startClock } from "./clock.js";
import { tideTable } from "./tides.js";

const table = document.querySelector("#tides");
const station = stations.find(({ id }) => id === table?.dataset.station) ?? stations[0];

if (table) {
  table.replaceChildren(...tideTable(station).map(([label, time, height]) => {
    const row = document.createElement("tr");
    for (const text of [label, time, `${height.toFixed(1)} m`]) {
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    return row;
  }));
  startClock(document.querySelector("#clock"), station);
}

const chart = document.querySelector("#chart");
if (chart) {
  // Drawn only where there is a chart, with heights computed off the main thread.
  const [{ drawChart }, heights] = await Promise.all([
    import("./chart.js"),
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
      worker.postMessage(station);
    }),
  ]);
  drawChart(chart, heights);
}

for (const place of document.querySelectorAll("[data-lamp]")) {
  const lamp = new Image(48, 48);
  lamp.alt = "The lamp is lit";
  lamp.src = new URL("../icons/lamp.svg", import.meta.url).href;
  place.append(lamp);
}
