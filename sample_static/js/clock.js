// Imports tides.js, which imports this file: a cycle, as real sites have them.
import { nextHighWater } from "./tides.js";

export const MINUTES_A_DAY = 24 * 60;

/** Return minutes after midnight as a time of day: 725 gives "12:05". */
export function timeOfDay(minutes) {
  const whole = ((Math.round(minutes) % MINUTES_A_DAY) + MINUTES_A_DAY) % MINUTES_A_DAY;
  return `${String(whole / 60 | 0).padStart(2, "0")}:${String(whole % 60).padStart(2, "0")}`;
}

/** Keep an element saying how long it is until high water. */
export function startClock(element, station) {
  const tick = () => {
    const now = new Date();
    const minutes = now.getUTCHours() * 60 + now.getUTCMinutes();
    const left = nextHighWater(station, minutes) - minutes;
    element.textContent = left < 1
      ? "High water now"
      : `High water in ${Math.floor(left / 60)} h ${Math.floor(left % 60)} min`;
  };
  tick();
  return setInterval(tick, 30_000);
}
