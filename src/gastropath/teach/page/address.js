// The address of a view: whatever is set stands in it, so that it leads back to the same view.

export const PLAIN = Object.freeze({ decisions: [true, true, true], least: 0, most: 100, heat: -1, opacity: 45, map: true, tile: -1 });

export function fresh() {
  return { ...PLAIN, decisions: [...PLAIN.decisions], hidden: new Set() };
}

const DECISION_WORDS = ["accepted", "abstained", "refused"];

// What the address asks for, as far as it is understood: the slide's name, the place, and what depends on the classes.
export function asked() {
  const given = new URLSearchParams(location.search);
  const number = (name) => (given.has(name) && Number.isFinite(Number(given.get(name))) ? Number(given.get(name)) : null);
  const [x, y, zoom] = ["x", "y", "zoom"].map(number);
  return {
    slide: given.get("slide"),
    place: x !== null && y !== null && zoom > 0 ? { x, y, zoom } : null,
    settings(codes) {
      const settings = fresh();
      const share = (name, otherwise) => Math.min(100, Math.max(0, number(name) ?? otherwise));
      settings.hidden = new Set(given.getAll("hide").map((code) => codes.indexOf(code)).filter((place) => place >= 0));
      settings.decisions = DECISION_WORDS.map((word) => !given.getAll("without").includes(word));
      settings.least = share("from", PLAIN.least);
      settings.most = Math.max(settings.least, share("to", PLAIN.most));
      settings.opacity = share("opacity", PLAIN.opacity);
      settings.heat = codes.indexOf(given.get("class"));
      settings.map = given.get("map") !== "off";
      settings.tile = number("tile") ?? PLAIN.tile;
      return settings;
    },
  };
}

// The query that leads back: what is as it is anyway is left out.
export function query(slide, place, settings, codes) {
  const told = new URLSearchParams({ slide, x: place.x.toFixed(0), y: place.y.toFixed(0), zoom: place.zoom.toPrecision(4) });
  settings.hidden.forEach((hidden) => told.append("hide", codes[hidden]));
  settings.decisions.forEach((shown, decision) => { if (!shown) told.append("without", DECISION_WORDS[decision]); });
  for (const [name, key] of [["from", "least"], ["to", "most"], ["opacity", "opacity"], ["tile", "tile"]]) {
    if (settings[key] !== PLAIN[key]) told.set(name, settings[key]);
  }
  if (settings.heat >= 0) told.set("class", codes[settings.heat]);
  if (!settings.map) told.set("map", "off");
  return `?${told}`;
}
