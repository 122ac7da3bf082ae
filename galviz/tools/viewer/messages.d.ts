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
  links: Array<[string, string]>;
  arcsec: number;
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

export type Contours = {
  type: "contours";
  id: string;
  band: string;
  levels: Array<number>;
  lines: Array<Array<number>>;
};

export type Fluxes = {
  band: string;
  flux: number | null;
  error: number | null;
  snr: number | null;
  mag: number | null;
  mag_error: number | null;
  mag_limit: number | null;
  missing: number;
};

export type Photometry = {
  type: "photometry";
  id: string;
  bands: Array<Fluxes>;
  problem: string;
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

export type ContoursOf = {
  type: "contours";
  id: string;
  band: string;
  count: number;
};

export type Circle = {
  type: "circle";
  id: string;
  x: number;
  y: number;
  radius: number;
  inner: number;
  outer: number;
};

export type ToBrowser = Object | NewStretch | Alert | Contours | Photometry;

export type FromBrowser = Hello | Step | Go | Picture | ContoursOf | Circle;
