// Written from messages.py, which explains the fields, by python -m galviz.tools.messages
import type { Bytes } from "../shared.js";

export type Source = {
  x: number;
  y: number;
  kind: string;
};

export type Bar = {
  pixels: number;
  label: string;
};

export type Region = {
  name: string;
  points: Array<[number, number]>;
};

export type Object = {
  type: "object";
  id: string;
  width: number;
  height: number;
  title: string;
  bar: Bar;
  sources: Array<Source>;
  regions: Array<Region>;
  marks: Record<string, [string, string, string]>;
  png?: Bytes;
};

export type Map = {
  type: "map";
  id: string;
  label: string;
  signs: string;
  unit: string;
  limits: [number, number];
  palette: Array<Array<number>>;
  clean: number | null;
  views: number;
  patch: number;
  tops: Array<number>;
  lefts: Array<number>;
  band: string;
  bands: Array<string>;
  effects: Array<number>;
  values?: Bytes;
  outputs?: Bytes;
};

export type Effects = {
  type: "effects";
  id: string;
  texts: Record<string, string>;
  busy: boolean;
};

export type Hello = {
  type: "hello";
};

export type Step = {
  type: "step";
  by: number;
};

export type Regions = {
  type: "regions";
  id: string;
  regions: Array<Region>;
};

export type Band = {
  type: "band";
  name: string;
};

export type ToBrowser = Object | Map | Effects;

export type FromBrowser = Hello | Step | Regions | Band;
