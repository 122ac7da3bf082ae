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

export type Object = {
  type: "object";
  id: string;
  width: number;
  height: number;
  title: string;
  bar: Bar;
  sources: Array<Source>;
  marks: Record<string, [string, string, string]>;
  png?: Bytes;
};

export type Map = {
  type: "map";
  id: string;
  label: string;
  unit: string;
  limits: [number, number];
  palette: Array<Array<number>>;
  clean: number | null;
  patch: number;
  tops: Array<number>;
  lefts: Array<number>;
  values?: Bytes;
  outputs?: Bytes;
};

export type Hello = {
  type: "hello";
};

export type ToBrowser = Object | Map;

export type FromBrowser = Hello;
