CREATE TABLE public.cameras (
    id integer NOT NULL,
    name text NOT NULL
);
CREATE SEQUENCE public.cameras_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.cameras_id_seq OWNED BY public.cameras.id;
CREATE TABLE public.camslice_schema (
    version integer NOT NULL
);
CREATE TABLE public.frames (
    stream_id integer NOT NULL,
    run_id integer NOT NULL,
    sequence bigint NOT NULL,
    captured_us bigint NOT NULL,
    pts_us bigint,
    width integer NOT NULL,
    height integer NOT NULL,
    model_id integer NOT NULL,
    generation integer NOT NULL,
    detections bytea
);
CREATE TABLE public.minute_stages (
    minute integer NOT NULL,
    stream_id integer NOT NULL,
    run_id integer NOT NULL,
    stage smallint NOT NULL,
    n bigint NOT NULL,
    sum_ms double precision NOT NULL,
    max_ms double precision NOT NULL,
    bins bytea NOT NULL
);
CREATE TABLE public.minutes (
    minute integer NOT NULL,
    stream_id integer NOT NULL,
    run_id integer NOT NULL,
    captured bigint NOT NULL,
    analysed bigint NOT NULL,
    gated bigint NOT NULL,
    predicted bigint NOT NULL,
    superseded bigint NOT NULL,
    stale bigint NOT NULL,
    failed bigint NOT NULL,
    in_flight bigint NOT NULL,
    decoded bigint NOT NULL,
    corrupt bigint NOT NULL,
    missed bigint NOT NULL,
    detections text NOT NULL
);
CREATE TABLE public.models (
    id integer NOT NULL,
    sha256 text NOT NULL,
    name text NOT NULL,
    labels text NOT NULL
);
CREATE SEQUENCE public.models_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.models_id_seq OWNED BY public.models.id;
CREATE TABLE public.runs (
    id integer NOT NULL,
    name text NOT NULL,
    started_us bigint NOT NULL
);
CREATE SEQUENCE public.runs_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.runs_id_seq OWNED BY public.runs.id;
CREATE TABLE public.streams (
    id integer NOT NULL,
    camera_id integer NOT NULL,
    model text NOT NULL
);
CREATE SEQUENCE public.streams_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.streams_id_seq OWNED BY public.streams.id;
ALTER TABLE ONLY public.cameras ALTER COLUMN id SET DEFAULT nextval('public.cameras_id_seq'::regclass);
ALTER TABLE ONLY public.models ALTER COLUMN id SET DEFAULT nextval('public.models_id_seq'::regclass);
ALTER TABLE ONLY public.runs ALTER COLUMN id SET DEFAULT nextval('public.runs_id_seq'::regclass);
ALTER TABLE ONLY public.streams ALTER COLUMN id SET DEFAULT nextval('public.streams_id_seq'::regclass);
INSERT INTO public.cameras VALUES (1, 'gate');
INSERT INTO public.cameras VALUES (2, 'yard');
INSERT INTO public.camslice_schema VALUES (1);
INSERT INTO public.frames VALUES (1, 1, 0, 1754050020000000, 0, 768, 576, 1, 3, NULL);
INSERT INTO public.frames VALUES (1, 1, 1, 1754050020200000, 200000, 768, 576, 1, 3, '\x035000a000f400410165e60000');
INSERT INTO public.frames VALUES (1, 1, 2, 1754050020400000, 400000, 768, 576, 1, 3, NULL);
INSERT INTO public.frames VALUES (1, 1, 3, 1754050020600000, 600000, 768, 576, 1, 3, '\x035000a000f400410165e60000');
INSERT INTO public.frames VALUES (1, 1, 4, 1754050020800000, 800000, 768, 576, 1, 3, NULL);
INSERT INTO public.frames VALUES (1, 1, 5, 1754050021000000, 1000000, 768, 576, 1, 3, '\x035000a000f400410165e60000');
INSERT INTO public.frames VALUES (2, 1, 0, 1754050020000000, 0, 768, 576, 1, 3, '\x030c001200f100400165e60200');
INSERT INTO public.minute_stages VALUES (29234167, 2, 1, 0, 1, 5, 5, '\x01ae010001');
INSERT INTO public.minute_stages VALUES (29234167, 2, 1, 2, 1, 1.5, 1.5, '\x0171010001');
INSERT INTO public.minute_stages VALUES (29234167, 2, 1, 3, 1, 30, 30, '\x0108020001');
INSERT INTO public.minute_stages VALUES (29234167, 2, 1, 5, 1, 20, 20, '\x01f4010001');
INSERT INTO public.minute_stages VALUES (29234167, 2, 1, 6, 1, 0.5, 0.5, '\x0139010001');
INSERT INTO public.minute_stages VALUES (29234167, 2, 1, 7, 1, 57, 57, '\x0128020001');
INSERT INTO public.minute_stages VALUES (29234167, 1, 1, 0, 6, 30, 5, '\x01ae010006');
INSERT INTO public.minute_stages VALUES (29234167, 1, 1, 2, 6, 9, 1.5, '\x0171010006');
INSERT INTO public.minute_stages VALUES (29234167, 1, 1, 3, 6, 180, 30, '\x0108020006');
INSERT INTO public.minute_stages VALUES (29234167, 1, 1, 5, 6, 120, 20, '\x01f4010006');
INSERT INTO public.minute_stages VALUES (29234167, 1, 1, 6, 6, 3, 0.5, '\x0139010006');
INSERT INTO public.minute_stages VALUES (29234167, 1, 1, 7, 6, 342, 57, '\x0128020006');
INSERT INTO public.minutes VALUES (29234167, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '{"car": 1}');
INSERT INTO public.minutes VALUES (29234167, 1, 1, 8, 6, 0, 0, 0, 2, 0, 0, 0, 0, 0, '{"person": 3}');
INSERT INTO public.models VALUES (1, '5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', 'people', '["person", "bicycle", "car"]');
INSERT INTO public.runs VALUES (1, 'run-of-version-1', 1795847345982525);
INSERT INTO public.streams VALUES (1, 1, 'people');
INSERT INTO public.streams VALUES (2, 2, 'people');
SELECT pg_catalog.setval('public.cameras_id_seq', 2, true);
SELECT pg_catalog.setval('public.models_id_seq', 1, true);
SELECT pg_catalog.setval('public.runs_id_seq', 1, true);
SELECT pg_catalog.setval('public.streams_id_seq', 2, true);
ALTER TABLE ONLY public.cameras
    ADD CONSTRAINT cameras_name_key UNIQUE (name);
ALTER TABLE ONLY public.cameras
    ADD CONSTRAINT cameras_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.camslice_schema
    ADD CONSTRAINT camslice_schema_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.frames
    ADD CONSTRAINT frames_pkey PRIMARY KEY (stream_id, run_id, sequence);
ALTER TABLE ONLY public.minute_stages
    ADD CONSTRAINT minute_stages_pkey PRIMARY KEY (minute, stream_id, run_id, stage);
ALTER TABLE ONLY public.minutes
    ADD CONSTRAINT minutes_pkey PRIMARY KEY (minute, stream_id, run_id);
ALTER TABLE ONLY public.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_name_key UNIQUE (name);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.streams
    ADD CONSTRAINT streams_camera_id_model_key UNIQUE (camera_id, model);
ALTER TABLE ONLY public.streams
    ADD CONSTRAINT streams_pkey PRIMARY KEY (id);
CREATE INDEX frames_by_time ON public.frames USING btree (stream_id, captured_us);
CREATE INDEX ix_models_sha256 ON public.models USING btree (sha256);
ALTER TABLE ONLY public.streams
    ADD CONSTRAINT streams_camera_id_fkey FOREIGN KEY (camera_id) REFERENCES public.cameras(id);
