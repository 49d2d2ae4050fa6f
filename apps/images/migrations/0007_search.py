from django.db import migrations

from apps.core.operations import TENANT, ServiceFunction

FACET = """
CREATE FUNCTION easel_facet(kind text, value text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(kind || ':' || value, 0)
"""
# What a picture is filtered by as a set: model, LoRAs, tags, category, origin.
FACETS = """
CREATE FUNCTION easel_facets(metadata jsonb, tags text[], category text, origin text)
RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(
    SELECT easel_facet('tag', tag) FROM unnest(tags) tag
    UNION SELECT easel_facet('category', category)
    UNION SELECT easel_facet('origin', origin)
    UNION SELECT easel_facet('model', metadata ->> 'model') WHERE metadata ->> 'model' <> ''
    UNION SELECT easel_facet('lora', lora ->> 'name')
    FROM jsonb_array_elements(
        CASE WHEN jsonb_typeof(metadata -> 'loras') = 'array' THEN metadata -> 'loras' ELSE '[]' END
    ) lora
    WHERE jsonb_typeof(lora) = 'object' AND lora ->> 'name' <> ''
    LIMIT 64
)
"""
# Only whole numbers that fit: the metadata of an upload may say anything.
SEED = """
CREATE FUNCTION easel_seed(metadata jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN jsonb_typeof(metadata -> 'seed') = 'number' AND metadata ->> 'seed' ~ '^\\d{1,18}$'
    THEN (metadata ->> 'seed')::bigint
END
"""
SETTINGS_DIGEST = """
CREATE FUNCTION easel_settings_digest(metadata jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN metadata ? 'prompt' THEN hashtextextended(
    jsonb_build_array(
        metadata -> 'prompt', metadata -> 'negative_prompt', metadata -> 'model',
        metadata -> 'width', metadata -> 'height', metadata -> 'steps',
        metadata -> 'guidance_scale', metadata -> 'scheduler', metadata -> 'strength',
        metadata -> 'init_image', metadata -> 'loras'
    )::text, 0
) END
"""
# Letters as people take them for the same: without case, composed, full width as half width.
SEARCH_TEXT = """
CREATE FUNCTION easel_search_text(body text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(normalize(body, NFKC))
"""
# The letters and pairs of letters of a text, as numbers: a Korean word of two syllables is a pair.
GRAMS = """
CREATE FUNCTION easel_grams(body text) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(
    SELECT ascii(letter)::bigint
    FROM unnest(string_to_array(easel_search_text(body), NULL)) letter
    WHERE letter !~ '\\s'
    UNION
    SELECT ascii(letter)::bigint * 1114112 + ascii(following)
    FROM (
        SELECT letter, lead(letter) OVER (ORDER BY place) AS following
        FROM unnest(string_to_array(easel_search_text(body), NULL))
            WITH ORDINALITY AS letters (letter, place)
    ) pairs
    WHERE letter !~ '\\s' AND following !~ '\\s'
)
"""
# Of words: only pairs, but for a word of one letter, since nearly all texts have each letter.
GRAMS_OF = """
CREATE FUNCTION easel_grams_of(words text[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(
    SELECT DISTINCT gram
    FROM unnest(words) word, unnest(easel_grams(word)) gram
    WHERE gram >= 1114112 OR char_length(easel_search_text(word)) = 1
)
"""
HAS_WORDS = """
CREATE FUNCTION easel_has_words(body text, words text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN easel_search_text(body) LIKE ALL (
    SELECT '%' || replace(replace(replace(
        easel_search_text(word), '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%'
    FROM unnest(words) word
)
"""
# A tenant's entries are its own, so that a word common elsewhere costs nothing here.
USER_GRAMS = """
CREATE FUNCTION easel_user_grams(user_id uuid, grams bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT gram # hashtextextended(user_id::text, 0) FROM unnest(grams) gram)
"""
WORD_BITS = """
CREATE FUNCTION easel_word_bits(grams bigint[]) RETURNS bit(512)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(
    (
        SELECT bit_or(set_bit(0::bit(512), (hashint8extended(gram, 0) & 511)::int, 1))
        FROM unnest(grams) gram
    ),
    0::bit(512)
)
"""
WORDS_OF = "coalesce(metadata ->> 'prompt', '') || E'\\n' || note"
COLUMNS = f"""
ALTER TABLE images_image
    ADD COLUMN seed bigint GENERATED ALWAYS AS (easel_seed(metadata)) STORED,
    ADD COLUMN settings_digest bigint
        GENERATED ALWAYS AS (easel_settings_digest(metadata)) STORED,
    ADD COLUMN facets bigint[] GENERATED ALWAYS AS
        (easel_facets(metadata, tags, image_category, image_origin)) STORED,
    ADD COLUMN word_bits bit(512) GENERATED ALWAYS AS
        (easel_word_bits(easel_grams({WORDS_OF}))) STORED
"""
SHOWN = "deleted_at IS NULL AND NOT is_intermediate"
INCLUDED = "starred, board_id, width, height, seed, settings_digest, facets, word_bits"
BOARD = f"""
CREATE INDEX images_image_board ON images_image (user_id, board_id, created_at, id)
INCLUDE (rating, {INCLUDED.replace("board_id, ", "").replace(", word_bits", "")}) WHERE {SHOWN}
"""
# All that a list can be filtered by lies in the index, so that whatever is asked for costs at
# most the pages of the user's own part of it.
NEWEST = f"""
CREATE INDEX images_image_newest ON images_image (user_id, created_at, id)
INCLUDE (rating, {INCLUDED}) WHERE {SHOWN}
"""
BEST = f"""
CREATE INDEX images_image_best ON images_image (user_id, rating, created_at, id)
INCLUDE ({INCLUDED}) WHERE {SHOWN}
"""
WORDS = f"""
CREATE INDEX images_image_words ON images_image
USING gin (easel_user_grams(user_id, easel_grams({WORDS_OF}))) WITH (fastupdate = off)
WHERE {SHOWN}
"""
# Under a policy PostgreSQL takes no `@>` for an index condition, since it is not leakproof. So
# this looks beyond the policy and filters by the tenant itself.
FIND_WORDS = f"""
easel_find_words(words text[], most integer)
RETURNS TABLE (
    id uuid, created_at timestamptz, rating smallint, starred boolean, board_id uuid,
    width integer, height integer, seed bigint, settings_digest bigint, facets bigint[]
)
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off SET jit = off
AS $$
    SELECT id, created_at, rating, starred, board_id, width, height, seed, settings_digest, facets
    FROM images_image
    WHERE user_id = {TENANT} AND {SHOWN}
        AND easel_user_grams(user_id, easel_grams({WORDS_OF}))
            @> easel_user_grams({TENANT}, easel_grams_of(words))
        AND easel_has_words({WORDS_OF}, words)
    LIMIT most
$$
"""  # noqa: S608  # nosec B608 (constants)


class Migration(migrations.Migration):
    dependencies = [("images", "0006_what_lists_show")]

    operations = [
        migrations.RunSQL(
            [
                *(FACET, FACETS, SEED, SETTINGS_DIGEST, SEARCH_TEXT, GRAMS, GRAMS_OF, HAS_WORDS),
                *(USER_GRAMS, WORD_BITS),
            ],
            [
                f"DROP FUNCTION easel_{name}"
                for name in (
                    *("word_bits", "user_grams", "has_words", "grams_of", "grams", "search_text"),
                    *("settings_digest", "seed", "facets", "facet"),
                )
            ],
        ),
        migrations.RunSQL(
            COLUMNS,
            "ALTER TABLE images_image DROP COLUMN seed, DROP COLUMN settings_digest,"
            " DROP COLUMN facets, DROP COLUMN word_bits",
        ),
        migrations.RunSQL(
            [NEWEST, BEST, BOARD, WORDS],
            [f"DROP INDEX images_image_{name}" for name in ("words", "board", "best", "newest")],
        ),
        ServiceFunction(
            "easel_find_words(text[], integer)", definition=FIND_WORDS, callers=["web", "ops"]
        ),
    ]
