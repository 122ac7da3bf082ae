// Written from messages.py, which explains the fields, by python -m galviz.tools.messages

export type Chart = {
  type: "chart";
  name: string;
  other: string;
  edges: Array<number>;
  all: Array<number>;
  yes: Array<number>;
  no: Array<number>;
};

export type State = {
  type: "state";
  threshold: number;
  numbers: Array<[string, string]>;
  acknowledged: Record<string, number>;
};

export type Hello = {
  type: "hello";
};

export type Threshold = {
  type: "threshold";
  client: string;
  seq: number;
  value: number;
  done: boolean;
};

export type ToBrowser = Chart | State;

export type FromBrowser = Hello | Threshold;
