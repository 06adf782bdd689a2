"""Indexes, tables and triggers from which reports are counted, in SQL."""

# Candidates are many times as many as reports: what is counted of reports is read from here.
# The last column spares the look at the record itself, which the condition would ask for.
REPORT_INDEXES = """
    CREATE INDEX kept_reports
        ON kept_records (detected_at, species, probability, similarity, rejected)
        WHERE rejected IS NULL;
    CREATE INDEX kept_reports_by_species
        ON kept_records (species, detected_at, probability, similarity, rejected)
        WHERE rejected IS NULL;
"""
# Counts of years are read from tallies, which follow every change of the records by themselves:
# a quarter of an hour, in UTC since the epoch, fits into a day of every time zone.
TALLIES = """
    CREATE TABLE tallies (
        quarter INTEGER NOT NULL, species INTEGER NOT NULL, records INTEGER NOT NULL,
        PRIMARY KEY (quarter, species)
    ) WITHOUT ROWID;
    INSERT INTO tallies
        SELECT coalesce(detected_at / 900000, -1), species, count(*) FROM kept_records
        WHERE rejected IS NULL GROUP BY 1, 2;
    CREATE INDEX tallies_by_species ON tallies (species, quarter, records);
    CREATE TRIGGER tally_grows AFTER INSERT ON kept_records WHEN NEW.rejected IS NULL BEGIN
        INSERT INTO tallies SELECT coalesce(NEW.detected_at / 900000, -1), NEW.species, 0
            WHERE NOT EXISTS (
                SELECT 1 FROM tallies WHERE species = NEW.species
                AND quarter = coalesce(NEW.detected_at / 900000, -1)
            );
        UPDATE tallies SET records = records + 1 WHERE species = NEW.species
            AND quarter = coalesce(NEW.detected_at / 900000, -1);
    END;
    CREATE TRIGGER tally_shrinks AFTER DELETE ON kept_records WHEN OLD.rejected IS NULL BEGIN
        UPDATE tallies SET records = records - 1 WHERE species = OLD.species
            AND quarter = coalesce(OLD.detected_at / 900000, -1);
        DELETE FROM tallies WHERE species = OLD.species AND records = 0
            AND quarter = coalesce(OLD.detected_at / 900000, -1);
    END;
"""
# The tallies of a year are many rows, too: what every page shows is kept summed.
TOTALS = """
    CREATE TABLE totals (species INTEGER PRIMARY KEY, records INTEGER NOT NULL);
    INSERT INTO totals SELECT species, sum(records) FROM tallies GROUP BY species;
    CREATE TRIGGER total_grows AFTER INSERT ON kept_records WHEN NEW.rejected IS NULL BEGIN
        INSERT INTO totals SELECT NEW.species, 0
            WHERE NOT EXISTS (SELECT 1 FROM totals WHERE species = NEW.species);
        UPDATE totals SET records = records + 1 WHERE species = NEW.species;
    END;
    CREATE TRIGGER total_shrinks AFTER DELETE ON kept_records WHEN OLD.rejected IS NULL BEGIN
        UPDATE totals SET records = records - 1 WHERE species = OLD.species;
        DELETE FROM totals WHERE species = OLD.species AND records = 0;
    END;
"""
