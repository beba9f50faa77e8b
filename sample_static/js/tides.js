import { MINUTES_A_DAY, timeOfDay } from "./clock.js";

/** Half a lunar day: the time from one high water to the next. */
export const PERIOD = 745;

/** Return the height of the water, in metres, at a minute of the day. */
export const heightAt = ({ mean, range, offset }, minute) =>
  mean + range / 2 * Math.cos((minute - offset) / PERIOD * 2 * Math.PI);

/** Return the first minute of high water that is not before `minute`. */
export function nextHighWater({ offset }, minute) {
  return offset + Math.ceil((minute - offset) / PERIOD) * PERIOD;
}

/** Return a day's rows: label, time, height. */
export function tideTable(station) {
  const rows = [];
  for (let minute = nextHighWater(station, 0) - PERIOD / 2; minute < MINUTES_A_DAY; minute += PERIOD / 2) {
    if (minute < 0) continue;
    const height = heightAt(station, minute);
    rows.push([height > station.mean ? "High" : "Low", timeOfDay(minute), height]);
  }
  return rows;
}
