// Written from messages.py, which explains the fields, by python -m galviz.tools.messages
import type { Bytes } from "../shared.js";

export type Wcs = {
  crval: Array<number>;
  crpix: Array<number>;
  cd: Array<number>;
};

export type Source = {
  x: number;
  y: number;
  kind: string;
  p_mem: number | null;
};

export type Bar = {
  pixels: number;
  label: string;
};

export type Stretch = {
  name: string;
  all: string;
  pictures: Array<[string, Array<string>]>;
  limits: Record<string, [number, number]>;
  kind: string;
  a: number;
  Q: number;
  gamma: number;
  palette: Array<Array<number>>;
};

export type Object = {
  type: "object";
  id: string;
  bands: Array<string>;
  width: number;
  height: number;
  unit: string;
  origin: string;
  place: number;
  count: number;
  facts: Array<[string, string]>;
  sources: Array<Source>;
  marks: Record<string, [string, string, string]>;
  wcs: Wcs | null;
  bar: Bar;
  tallest: number;
  stretch: Stretch;
  pixels?: Bytes;
  coverage?: Bytes;
};

export type NewStretch = {
  type: "stretch";
  id: string;
  stretch: Stretch;
  turn: boolean;
};

export type Alert = {
  type: "alert";
  text: string;
};

export type Hello = {
  type: "hello";
};

export type Step = {
  type: "step";
  by: number;
};

export type Go = {
  type: "go";
  id: string;
};

export type Picture = {
  type: "picture";
  name: string;
};

export type ToBrowser = Object | NewStretch | Alert;

export type FromBrowser = Hello | Step | Go | Picture;
