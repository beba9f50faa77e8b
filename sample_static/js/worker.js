// A module worker: the day's heights, one every ten minutes.
import { heightAt } from "./tides.js";

onmessage = ({ data: station }) => {
  postMessage(Array.from({ length: 145 }, (_, at) => heightAt(station, at * 10)));
};
