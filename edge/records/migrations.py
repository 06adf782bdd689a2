"""Migrations of birdlisten.db, in SQL: tables, indexes, and the views that show them in full."""

from edge.records.counting import REPORT_INDEXES, TALLIES, TOTALS

MIGRATIONS = (
    """
    CREATE TABLE records (
        id TEXT PRIMARY KEY, schema INTEGER NOT NULL, station TEXT NOT NULL,
        detected_at INTEGER, time_zone TEXT NOT NULL, clock_synchronised INTEGER NOT NULL,
        start_s REAL NOT NULL, end_s REAL NOT NULL, source TEXT NOT NULL,
        species_id TEXT NOT NULL, scientific_name TEXT NOT NULL, common_name TEXT NOT NULL,
        probability REAL, score REAL NOT NULL, similarity REAL NOT NULL,
        hits INTEGER NOT NULL, hits_needed INTEGER NOT NULL,
        pictures TEXT NOT NULL, top TEXT NOT NULL, clip TEXT,
        model_id TEXT NOT NULL, bundle TEXT NOT NULL, precision TEXT NOT NULL,
        provider TEXT NOT NULL, rejected TEXT
    );
    CREATE INDEX records_by_time ON records (detected_at);
    CREATE INDEX records_by_species ON records (species_id, detected_at);
    CREATE VIEW detections AS SELECT * FROM records WHERE rejected IS NULL;
    CREATE TABLE reviews (
        number INTEGER PRIMARY KEY, record TEXT NOT NULL REFERENCES records (id),
        verdict TEXT NOT NULL CHECK (verdict IN ('confirmed', 'rejected')),
        reviewed_at INTEGER NOT NULL, note TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX reviews_by_record ON reviews (record);
    """,
    """
    CREATE TABLE embeddings (
        record TEXT PRIMARY KEY REFERENCES records (id), embedding BLOB NOT NULL
    );
    """,
    "CREATE INDEX records_by_clip ON records (clip) WHERE clip IS NOT NULL",
    # What thousands of records repeat is kept once, and referred to by number; the views show
    # records, detections and embeddings in full, as the tables of these names did before.
    """
    CREATE TABLE contexts (
        number INTEGER PRIMARY KEY, schema INTEGER NOT NULL, station TEXT NOT NULL,
        time_zone TEXT NOT NULL, source TEXT NOT NULL, model_id TEXT NOT NULL,
        bundle TEXT NOT NULL, precision TEXT NOT NULL, provider TEXT NOT NULL
    );
    CREATE INDEX contexts_by_content ON contexts (source, model_id, station);
    CREATE TABLE species (
        number INTEGER PRIMARY KEY, species_id TEXT NOT NULL, scientific_name TEXT NOT NULL,
        common_name TEXT NOT NULL
    );
    CREATE INDEX species_by_content ON species (species_id, scientific_name, common_name);
    CREATE TABLE names (
        number INTEGER PRIMARY KEY, scientific_name TEXT NOT NULL, common_name TEXT NOT NULL
    );
    CREATE INDEX names_by_content ON names (scientific_name, common_name);
    CREATE TABLE pictures (
        number INTEGER PRIMARY KEY, file TEXT, url TEXT, author TEXT NOT NULL, licence TEXT NOT NULL
    );
    CREATE INDEX pictures_by_content ON pictures (file, url, author, licence);
    CREATE TABLE kept_records (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, context INTEGER NOT NULL,
        species INTEGER NOT NULL, detected_at INTEGER, clock_synchronised INTEGER NOT NULL,
        start_s REAL NOT NULL, end_s REAL NOT NULL, probability REAL, score REAL NOT NULL,
        similarity REAL NOT NULL, hits INTEGER NOT NULL, hits_needed INTEGER NOT NULL,
        pictures TEXT NOT NULL, top TEXT NOT NULL, clip TEXT, rejected TEXT
    );
    INSERT INTO contexts SELECT NULL, * FROM (
        SELECT DISTINCT schema, station, time_zone, source, model_id, bundle, precision, provider
        FROM records
    );
    INSERT INTO species SELECT NULL, * FROM (
        SELECT DISTINCT species_id, scientific_name, common_name FROM records
    );
    INSERT INTO kept_records
        SELECT records.rowid, id, contexts.number, species.number, detected_at, clock_synchronised,
            start_s, end_s, probability, score, similarity, hits, hits_needed, pictures, top, clip,
            rejected
        FROM records
        JOIN contexts USING (
            schema, station, time_zone, source, model_id, bundle, precision, provider
        )
        JOIN species USING (species_id, scientific_name, common_name);
    CREATE INDEX kept_by_time ON kept_records (detected_at);
    CREATE INDEX kept_by_species ON kept_records (species, detected_at);
    CREATE INDEX kept_by_ending ON kept_records (substr(id, 25));
    CREATE TABLE kept_embeddings (
        number INTEGER PRIMARY KEY REFERENCES kept_records (number), embedding BLOB NOT NULL
    );
    INSERT INTO kept_embeddings
        SELECT number, coalesce(embedding, x'') FROM kept_records
        LEFT JOIN embeddings ON record = id WHERE embedding NOT NULL OR rejected NOT NULL;
    ALTER TABLE reviews RENAME TO former_reviews;
    DROP INDEX reviews_by_record;
    CREATE TABLE reviews (
        number INTEGER PRIMARY KEY, record TEXT NOT NULL REFERENCES kept_records (id),
        verdict TEXT NOT NULL CHECK (verdict IN ('confirmed', 'rejected')),
        reviewed_at INTEGER NOT NULL, note TEXT NOT NULL DEFAULT ''
    );
    INSERT INTO reviews SELECT * FROM former_reviews WHERE record IN (SELECT id FROM kept_records);
    CREATE INDEX reviews_by_record ON reviews (record);
    CREATE TABLE files (
        source TEXT PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL
    );
    DROP VIEW detections;
    DROP TABLE former_reviews;
    DROP TABLE embeddings;
    DROP TABLE records;
    CREATE VIEW records AS SELECT
        id, schema, station, detected_at, time_zone, clock_synchronised, start_s,
        end_s, source, species_id, species.scientific_name, species.common_name, probability, score,
        similarity, hits, hits_needed,
        (SELECT json_group_array(json(iif(type = 'object', value, json_object(
            'file', file, 'url', url, 'author', author, 'licence', licence,
            'similarity', json_extract(value, '$[1]')
        )))) FROM json_each(iif(json_valid(kept.pictures), kept.pictures, '[]'))
        LEFT JOIN pictures AS known ON known.number = json_extract(value, '$[0]')) AS pictures,
        (SELECT json_group_array(json(iif(type = 'object', value, json_object(
            'scientific_name', known.scientific_name, 'common_name', known.common_name,
            'score', json_extract(value, '$[1]'), 'probability', json_extract(value, '$[2]')
        )))) FROM json_each(iif(json_valid(kept.top), kept.top, '[]'))
        LEFT JOIN names AS known ON known.number = json_extract(value, '$[0]')) AS top,
        clip, model_id, bundle, precision, provider, rejected, kept.number
    FROM kept_records AS kept
    LEFT JOIN contexts ON contexts.number = kept.context
    LEFT JOIN species ON species.number = kept.species;
    CREATE VIEW detections AS SELECT * FROM records WHERE rejected IS NULL;
    CREATE VIEW embeddings AS SELECT id AS record, embedding
        FROM kept_embeddings JOIN kept_records USING (number) WHERE length(embedding);
    CREATE TRIGGER record_is_kept INSTEAD OF INSERT ON records
        WHEN NOT EXISTS (SELECT 1 FROM kept_records WHERE id = NEW.id)
    BEGIN
        INSERT INTO contexts
            SELECT NULL, NEW.schema, NEW.station, NEW.time_zone, NEW.source, NEW.model_id,
                NEW.bundle, NEW.precision, NEW.provider
            WHERE NOT EXISTS (
                SELECT 1 FROM contexts WHERE source = NEW.source AND model_id = NEW.model_id
                AND station = NEW.station AND schema = NEW.schema AND time_zone = NEW.time_zone
                AND bundle = NEW.bundle AND precision = NEW.precision AND provider = NEW.provider
            );
        INSERT INTO species
            SELECT NULL, NEW.species_id, NEW.scientific_name, NEW.common_name
            WHERE NOT EXISTS (
                SELECT 1 FROM species WHERE species_id = NEW.species_id
                AND scientific_name = NEW.scientific_name AND common_name = NEW.common_name
            );
        INSERT INTO kept_records VALUES (
            NULL, NEW.id,
            (SELECT number FROM contexts WHERE source = NEW.source AND model_id = NEW.model_id
                AND station = NEW.station AND schema = NEW.schema AND time_zone = NEW.time_zone
                AND bundle = NEW.bundle AND precision = NEW.precision AND provider = NEW.provider),
            (SELECT number FROM species WHERE species_id = NEW.species_id
                AND scientific_name = NEW.scientific_name AND common_name = NEW.common_name),
            NEW.detected_at, NEW.clock_synchronised, NEW.start_s, NEW.end_s, NEW.probability,
            NEW.score, NEW.similarity, NEW.hits, NEW.hits_needed, NEW.pictures, NEW.top, NEW.clip,
            NEW.rejected
        );
    END;
    CREATE TRIGGER embedding_is_kept INSTEAD OF INSERT ON embeddings BEGIN
        INSERT OR IGNORE INTO kept_embeddings
            SELECT number, NEW.embedding FROM kept_records WHERE id = NEW.record;
    END;
    CREATE TRIGGER embedding_goes INSTEAD OF DELETE ON embeddings BEGIN
        DELETE FROM kept_embeddings
            WHERE number = (SELECT number FROM kept_records WHERE id = OLD.record);
    END;
    """,
    # A recording is told by the folder that was given and the card that this lies on, too, and
    # what it was found to hold can be replaced.
    """
    ALTER TABLE contexts ADD COLUMN root TEXT;
    ALTER TABLE contexts ADD COLUMN volume TEXT;
    ALTER TABLE contexts ADD COLUMN channel INTEGER;
    ALTER TABLE contexts ADD COLUMN latitude REAL;
    ALTER TABLE contexts ADD COLUMN longitude REAL;
    CREATE INDEX kept_by_context ON kept_records (context);
    CREATE TABLE recordings (
        number INTEGER PRIMARY KEY, source TEXT NOT NULL, root TEXT, volume TEXT,
        size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, sha256 TEXT, length_s REAL,
        manner TEXT, fault TEXT, begun_ms INTEGER
    );
    CREATE TABLE listened (
        source TEXT NOT NULL, begun_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX listened_by_time ON listened (begun_ms, source);
    CREATE UNIQUE INDEX recordings_by_source
        ON recordings (source, coalesce(root, ''), coalesce(volume, ''));
    INSERT INTO recordings (source, size, modified_ns)
        SELECT source, size, modified_ns FROM files;
    DROP TABLE files;
    DROP VIEW detections;
    DROP VIEW embeddings;
    DROP VIEW records;
    CREATE VIEW records AS SELECT
        id, schema, station, detected_at, time_zone, clock_synchronised, start_s,
        end_s, source, species_id, species.scientific_name, species.common_name, probability, score,
        similarity, hits, hits_needed,
        (SELECT json_group_array(json(iif(type = 'object', value, json_object(
            'file', file, 'url', url, 'author', author, 'licence', licence,
            'similarity', json_extract(value, '$[1]')
        )))) FROM json_each(iif(json_valid(kept.pictures), kept.pictures, '[]'))
        LEFT JOIN pictures AS known ON known.number = json_extract(value, '$[0]')) AS pictures,
        (SELECT json_group_array(json(iif(type = 'object', value, json_object(
            'scientific_name', known.scientific_name, 'common_name', known.common_name,
            'score', json_extract(value, '$[1]'), 'probability', json_extract(value, '$[2]')
        )))) FROM json_each(iif(json_valid(kept.top), kept.top, '[]'))
        LEFT JOIN names AS known ON known.number = json_extract(value, '$[0]')) AS top,
        clip, model_id, bundle, precision, provider, root, volume, channel, latitude,
        longitude, rejected, kept.number
    FROM kept_records AS kept
    LEFT JOIN contexts ON contexts.number = kept.context
    LEFT JOIN species ON species.number = kept.species;
    CREATE VIEW detections AS SELECT * FROM records WHERE rejected IS NULL;
    CREATE VIEW embeddings AS SELECT id AS record, embedding
        FROM kept_embeddings JOIN kept_records USING (number) WHERE length(embedding);
    CREATE TRIGGER record_is_kept INSTEAD OF INSERT ON records
        WHEN NOT EXISTS (SELECT 1 FROM kept_records WHERE id = NEW.id)
    BEGIN
        INSERT INTO contexts
            SELECT NULL, NEW.schema, NEW.station, NEW.time_zone, NEW.source, NEW.model_id,
                NEW.bundle, NEW.precision, NEW.provider, NEW.root, NEW.volume, NEW.channel,
                NEW.latitude, NEW.longitude
            WHERE NOT EXISTS (
                SELECT 1 FROM contexts WHERE source = NEW.source AND model_id = NEW.model_id
                AND station = NEW.station AND schema = NEW.schema AND time_zone = NEW.time_zone
                AND bundle = NEW.bundle AND precision = NEW.precision
                AND provider = NEW.provider AND root IS NEW.root AND volume IS NEW.volume
                AND channel IS NEW.channel
                AND latitude IS NEW.latitude AND longitude IS NEW.longitude
            );
        INSERT INTO species
            SELECT NULL, NEW.species_id, NEW.scientific_name, NEW.common_name
            WHERE NOT EXISTS (
                SELECT 1 FROM species WHERE species_id = NEW.species_id
                AND scientific_name = NEW.scientific_name AND common_name = NEW.common_name
            );
        INSERT INTO kept_records VALUES (
            NULL, NEW.id,
            (SELECT number FROM contexts WHERE source = NEW.source AND model_id = NEW.model_id
                AND station = NEW.station AND schema = NEW.schema AND time_zone = NEW.time_zone
                AND bundle = NEW.bundle AND precision = NEW.precision
                AND provider = NEW.provider AND root IS NEW.root AND volume IS NEW.volume
                AND channel IS NEW.channel
                AND latitude IS NEW.latitude AND longitude IS NEW.longitude),
            (SELECT number FROM species WHERE species_id = NEW.species_id
                AND scientific_name = NEW.scientific_name AND common_name = NEW.common_name),
            NEW.detected_at, NEW.clock_synchronised, NEW.start_s, NEW.end_s, NEW.probability,
            NEW.score, NEW.similarity, NEW.hits, NEW.hits_needed, NEW.pictures, NEW.top, NEW.clip,
            NEW.rejected
        );
    END;
    CREATE TRIGGER embedding_is_kept INSTEAD OF INSERT ON embeddings BEGIN
        INSERT OR IGNORE INTO kept_embeddings
            SELECT number, NEW.embedding FROM kept_records WHERE id = NEW.record;
    END;
    CREATE TRIGGER embedding_goes INSTEAD OF DELETE ON embeddings BEGIN
        DELETE FROM kept_embeddings
            WHERE number = (SELECT number FROM kept_records WHERE id = OLD.record);
    END;
    """,
    # The table of a BirdNET-Pi, for programs that read that one.
    """
    CREATE VIEW birdnet_pi AS SELECT
        date(detected_at / 1000, 'unixepoch', 'localtime') AS Date,
        time(detected_at / 1000, 'unixepoch', 'localtime') AS Time,
        species.scientific_name AS Sci_Name, species.common_name AS Com_Name,
        coalesce(probability, similarity) AS Confidence,
        latitude AS Lat, longitude AS Lon, NULL AS Cutoff,
        4 * (strftime('%m', detected_at / 1000, 'unixepoch', 'localtime') - 1)
            + min((strftime('%d', detected_at / 1000, 'unixepoch', 'localtime') - 1) / 7, 3) + 1
            AS Week,
        NULL AS Sens, NULL AS Overlap, coalesce(clip, '') AS File_Name
    FROM kept_records AS kept
    JOIN contexts ON contexts.number = kept.context
    JOIN species ON species.number = kept.species
    WHERE rejected IS NULL AND detected_at NOT NULL;
    """,
    REPORT_INDEXES,
    TALLIES,
    TOTALS,
    # A verdict speaks for all windows of a record; the first lies where it did.
    """
    CREATE TABLE kept_windows (
        number INTEGER PRIMARY KEY REFERENCES kept_records (number), windows INTEGER NOT NULL,
        others BLOB NOT NULL, sounds BLOB NOT NULL
    );
    CREATE TRIGGER windows_go AFTER DELETE ON kept_embeddings BEGIN
        DELETE FROM kept_windows WHERE number = OLD.number;
    END;
    """,
)
"""Each leads from one version of the schema to the next; never changed once released."""
