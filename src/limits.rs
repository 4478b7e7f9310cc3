//! Every bound in the house, each with its reason.

/// Bytes of one segment. The longest legal 837 segment (NTE, K3, HI with 12 composites) is below
/// 1 KiB; anything near this is not X12, and a 100 MB "segment" must not grow memory.
pub const SEGMENT_BYTES_MAX: usize = 32 * 1024;

/// Elements of one segment. The widest segment of our guides (ISA, CAS) has 19.
pub const SEGMENT_ELEMENTS_MAX: usize = 100;

/// Loops inside each other: ST, 2000A, 2000B, 2000C, 2300, 2320 or 2400, 2330 or 2420 are seven.
pub const LOOP_DEPTH_MAX: usize = 8;

/// Slots (segments and child loops) of one loop, held as bits of a `u64`. The widest, the 837P 2300, has 54.
pub const LOOP_SLOTS_MAX: usize = 64;

/// Slots of one loop that may repeat a limited number of times; the 837I 2300 has thirteen.
pub const LOOP_COUNTERS_MAX: usize = 16;

/// Bytes read at once: 256 KiB measured four times faster than reading a whole file.
pub const READ_BYTES: usize = 256 * 1024;

/// Bytes read first: all of a small file, for which a large buffer would only be cleared.
pub const FIRST_READ_BYTES: usize = 16 * 1024;

/// Bytes whose delimiters are found at once: they and their delimiters stay in the nearest cache until they
/// are read.
pub const MARKED_BYTES: usize = 8 * 1024;

/// Bytes skipped between interchanges (line ends, padding) before it is called foreign content.
pub const FILLER_BYTES_MAX: usize = 64 * 1024;

/// Service lines of a professional claim (TR3: 50) and of an institutional one (TR3: 999).
pub const PROFESSIONAL_LINES_MAX: usize = 50;
pub const INSTITUTIONAL_LINES_MAX: usize = 999;

/// Interchanges, groups and transaction sets of one file: some 450 bytes each are kept until it is answered.
/// A million claims in sets of fourteen are still let in.
pub const ENVELOPES_PER_FILE_MAX: usize = 75_000;

/// Findings kept with their position per file; beyond it claims are still rejected and counted, but
/// the 999 lists no more of them. 100,000 × 64 bytes keeps a hostile file inside the memory bound.
pub const FINDINGS_PER_FILE_MAX: usize = 100_000;

/// Cents of one amount from outside: ten digits before the point. A million such claims still sum
/// inside an `i64`.
pub const MONEY_CENTS_MAX: i64 = 999_999_999_999;

/// Units of one line.
pub const QUANTITY_MAX: i64 = 9_999_999_999;

/// Claims decided and committed together: one sync costs as much as hundreds of claims (TARGETS), and
/// seven batches of some 6 KB a claim are in memory at once. Twice as many are no faster.
pub const BATCH_CLAIMS: usize = 512;

/// A file up to this size is taken in with others in one transaction: it has fewer claims than a batch,
/// unless they are hardly there.
pub const SMALL_FILE_BYTES: u64 = 64 * 1024;

/// Files taken in together: one sync costs as much as hundreds of claims.
pub const FILES_TOGETHER: usize = 128;

/// All of their bytes: some two thousand claims, so that nobody waits long for the first of them.
pub const BYTES_TOGETHER: u64 = 1024 * 1024;

/// What a claim in memory is reckoned at where a limit of claims has to hold for bytes; the least complete
/// claim has some 600.
pub const CLAIM_BYTES_TYPICAL: u64 = 1024;

/// Shards of member-bound work. Fixed, so that any number of threads gives the same order.
pub const MEMBER_SHARDS: usize = 16;

/// Claims of one 835 (CORE recommendation, DOMAIN F6).
pub const CLAIMS_PER_REMITTANCE_MAX: usize = 10_000;

/// Plaintext bytes of one authenticated chunk of a sealed file.
pub const SEALED_CHUNK_BYTES: usize = 64 * 1024;

/// Parts of one claim, each the most that either guide lets in: 1 principal, 1 admitting, 3 reasons
/// for visit, 12 external causes and 24 other diagnoses; 1 + 24 procedures; 24 value codes, and 24
/// each of condition, occurrence and span codes.
pub const DIAGNOSES_MAX: usize = 41;
pub const PROCEDURES_MAX: usize = 25;
pub const NUBC_CODES_MAX: usize = 72;

/// Bytes of one claim's text in memory, with 16 a segment for its place; a claim beyond it is rejected. 999
/// lines of a dozen segments are 1 MiB; a file of one endless claim must not fill memory.
pub const CLAIM_TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Room made for the text of the first claim of a set (a small claim has some 800 bytes of it), and at most
/// for one after it: larger ones double what they have.
pub const CLAIM_TEXT_BYTES_TYPICAL: usize = 1000;
pub const CLAIM_TEXT_ROOM_MAX: usize = 16 * 1024;

/// Diagnoses, providers and lines that room is made for when a claim begins, at most: as many as the claims before
/// it had.
pub const CLAIM_PARTS_ROOM_MAX: usize = 16;

/// Providers of one claim (TR3: 7) or one line (TR3: 9), with room for a sender's repeats.
pub const PROVIDERS_MAX: usize = 16;

/// Other payers of a claim (TR3: 10), their decisions on one line (15), and the reasons of one such
/// decision (5 CAS of 6).
pub const OTHER_PAYERS_MAX: usize = 10;
pub const LINE_ADJUDICATIONS_MAX: usize = 15;
pub const INBOUND_ADJUSTMENTS_MAX: usize = 30;

/// REF*G1 of one line (TR3: 5).
pub const LINE_AUTHORIZATIONS_MAX: usize = 5;

/// Bytes of one stored text. The longest element of our guides has 80 characters; a longer one is
/// rejected, and must not fill memory until then.
pub const TEXT_BYTES_MAX: usize = 256;

/// TA1s of one interchange that are read: each answers an interchange of ours, and most come alone.
pub const TA1S_PER_INTERCHANGE_MAX: usize = 1_000;

/// Findings kept per claim: it is rejected by the first, and a thousand show what is wrong.
pub const FINDINGS_PER_CLAIM_MAX: usize = 1_000;
pub const REFERENCE_ROWS_MAX: u32 = 50_000_000;

/// Replacements of one claim, each of the one before, that are followed to the one that stands. A claim that
/// was corrected more often is for a person.
pub const REPLACEMENTS_FOLLOWED_MAX: usize = 100;

/// Claims of one member's day with one payee, or of one month, that later ones are decided with. Dialysis and
/// therapy make a few; who sends more of them is looked at by a person for other reasons.
pub const CLAIMS_BESIDE_MAX: u8 = 32;

/// Lines whose fingerprints stay in memory after their batch is committed, before they become a run on
/// disk; also the lines of one part of a run. Some 3 MB.
/// A build with failpoints has runs of a few lines, so that a small file makes and merges them.
pub const LINES_IN_MEMORY: usize = if cfg!(feature = "failpoints") { 4 } else { 32_768 };

/// Runs of one size that are merged into one of the next size, and how often: runs have about 33,000,
/// 260,000 or two million lines. Twenty million claims make some 25 of the largest, with filters of
/// 2.3 MB each.
pub const LINE_RUNS_MERGED: u64 = 8;
pub const LINE_RUN_TIERS: u32 = 2;

/// Bytes read or written at once where runs are merged; nine of these are open together.
pub const RUN_BUFFER_BYTES: usize = 64 * 1024;

/// Sealed bytes of facts read at once: a thousand decisions, or the payments of some 50,000 claims.
pub const FACT_BYTES_AT_ONCE: usize = 1024 * 1024;

/// Facts in memory where the whole journal is walked.
pub const FACTS_WALKED_AT_ONCE: usize = 1_024;

/// Outbound files that are synced together; each is an open file until then.
pub const FILES_RELEASED_AT_ONCE: usize = 256;

/// Sealed bytes that a `doctor` without `--deep` reads, newest files first: a second or two, and all of a
/// small archive.
pub const DOCTOR_ARCHIVE_BYTES: u64 = 1024 * 1024 * 1024;

/// Free bytes under which a disk is called full soon: several of the largest files that are received.
pub const DISK_FREE_BYTES_MIN: u64 = 1024 * 1024 * 1024;

/// Names that one check lists; the rest is counted.
pub const DOCTOR_NAMES_MAX: usize = 20;

/// Bytes of one request to Kafka, and so of one event: a claim of 999 lines with every adjustment is below
/// 1 MiB.
pub const KAFKA_REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Seconds after which a worker that has not said that it is alive counts as stuck: longer than the largest
/// batch, a sync of a slow disk or one wait for a broker take.
pub const WORKER_SILENT_SECONDS_MAX: u64 = 30;

/// Seconds from the receipt of a file to its acknowledgements: CORE asks for those of a file received by
/// 9 pm by 7 am, the next business day.
pub const ACKNOWLEDGE_WITHIN_SECONDS: i64 = 10 * 3_600;

/// Answers that one look at what is overdue reads.
pub const OVERDUE_ANSWERS_READ: usize = 1_000;

/// A request to the health and metrics port, headers and all: a scrape has some 300 bytes.
pub const HTTP_REQUEST_BYTES_MAX: usize = 8 * 1024;

/// Seconds of one such request from its connection to its last byte.
pub const HTTP_SECONDS_MAX: u64 = 10;

/// Such requests at once: a few scrapers and probes.
pub const HTTP_CONNECTIONS_MAX: usize = 32;

/// Seconds of one question of `doctor --live`, and bytes of its answer: below what an orchestrator waits.
pub const PROBE_SECONDS_MAX: u64 = 3;
pub const PROBE_ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Bytes of one file posted to the door, at most: it is in memory as a whole, as many times as there are
/// requests at once. Larger ones belong into a channel. The default, 1 MiB, is some two thousand claims.
pub const DOOR_FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Requests at once at the door: one worker decides them, one after the other.
pub const DOOR_WAITING_MAX: usize = 256;

/// Seconds for the bytes of a posted file; a megabyte by a slow line.
pub const DOOR_UPLOAD_SECONDS_MAX: u64 = 30;

/// Seconds from there to the answer: a large file of a channel may be before it. Who hears nothing posts the
/// same again.
pub const DOOR_ANSWER_SECONDS_MAX: u64 = 30;

/// Decisions in one answer: some two KB each. Above it they are in the events only.
pub const DOOR_DECISIONS_MAX: usize = 250;

/// Bytes of the acknowledgements in one answer: as much as the decisions. Others are in the outbound folder
/// only.
pub const DOOR_ACKNOWLEDGEMENT_BYTES_MAX: usize = 1024 * 1024;

/// Bytes read and thrown away behind a refusal, and seconds: so that the refusal arrives before the line is cut.
pub const DOOR_DISCARDED_BYTES_MAX: usize = 4 * 1024 * 1024;
pub const DOOR_DISCARD_SECONDS_MAX: u64 = 2;

/// Bytes of a bearer token: 32 of them can't be guessed (128 bits even in hexadecimal), and a header has to
/// hold it.
pub const DOOR_TOKEN_BYTES_MIN: usize = 32;
pub const DOOR_TOKEN_BYTES_MAX: usize = 512;

/// Tokens in force at once: one for each sender behind the partner, two during a rotation.
pub const DOOR_TOKENS_MAX: usize = 64;

/// Spans that wait for export, and those of one request: a file has some ten, of a few hundred bytes each.
pub const SPANS_WAITING_MAX: usize = 4_096;
pub const SPANS_AT_ONCE: usize = 512;

/// Milliseconds that a span waits for others to go with it.
pub const SPANS_WAIT_MILLIS: u64 = 1_000;

/// Seconds for one request to the collector, and for the last spans when the process ends.
pub const COLLECTOR_SECONDS_MAX: u64 = 5;
pub const FLUSH_SECONDS_MAX: u64 = 3;

/// Bytes of a collector's answer that are read; the status is in the first of them.
pub const COLLECTOR_ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What the Kafka client may hold before publishing waits: a round is some thousand records.
pub const KAFKA_QUEUE_RECORDS_MAX: usize = 100_000;
pub const KAFKA_QUEUE_KBYTES_MAX: usize = 64 * 1024;

/// Bytes at the beginning and the end of an upload that tell whether it is whole: an ISA with blank lines
/// before it; SE, GE and IEA with padding behind, and most often also the ISA of a small interchange.
pub const HEAD_BYTES: usize = 1024;
pub const TAIL_BYTES: usize = 4 * 1024;

/// Files of a folder that are listed at once; the others follow when these are taken in. A name takes up to
/// 255 bytes, so that a listing stays below some 15 MB.
pub const LISTED_FILES_MAX: usize = 50_000;

/// How a compressed file may unpack: claims shrink to a tenth or a twentieth, never to a hundredth beyond
/// the first MiB, and no clearing house sends 8 GiB at once.
pub const UNPACKED_RATIO_MAX: u64 = 100;
pub const UNPACKED_FREE_BYTES: u64 = 1024 * 1024;
pub const UNPACKED_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;

/// Bytes at the beginning of a file that tell how it is packed: the line that begins ASCII armour, with a few
/// blank ones before it.
pub const PACKING_BYTES: usize = 64;

/// Bytes of an OpenPGP message that are read, or unpacked within it, before a byte of plain text comes of them:
/// session keys for a hundred recipients and a signature or two have some 60 KB, and are collected in memory.
pub const OPENPGP_OVERHEAD_BYTES_MAX: u64 = 1024 * 1024;

/// Signatures of an OpenPGP message; one or two are usual.
pub const OPENPGP_SIGNATURES_MAX: usize = 16;

/// Bytes of the header lines of ASCII armour; a version and a comment have some hundred.
pub const OPENPGP_ARMOR_HEADER_BYTES_MAX: usize = 64 * 1024;

/// Entries of a zip file: each costs a read, and a partner's batch has tens.
pub const ZIP_ENTRIES_MAX: u64 = 10_000;

/// Bytes of one read or write of SFTP: what every server takes (draft-ietf-secsh-filexfer-02, 3). READ_BYTES
/// are asked for at once, in eight of them.
pub const SFTP_PIECE_BYTES: usize = 32 * 1024;

/// Bytes of a private key's file; a key of RSA with 16,384 bits has 13 KB.
pub const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Bytes of a rule pack; the one that ships has 12 KB.
pub const RULE_PACK_BYTES_MAX: u64 = 4 * 1024 * 1024;
