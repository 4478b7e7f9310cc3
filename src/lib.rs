//! 837 claim files in; explained decisions, events and balanced 835 remittances out.
//!
//! This page is the architecture: what flows where, who may know whom, what always holds. Contracts
//! with the outside (commands, exit codes, files, events) are in `README.md` and `--help`; every
//! setting is in `config/claimstream.toml`.
//!
//! # The idea
//!
//! Bytes become segments, loops, a claim, findings, a determination: each step a pure function of
//! values. Everything the outside sees (TA1, 999, 277CA, 835, events) is rendered from those values and
//! leaves through one outbox: the sequence of what the ledger's transactions recorded. I/O lives at the
//! rim. The pipeline is the only place where stages meet. A claim that fails, or a rule that panics,
//! stops one claim, never a file.
//!
//! ```text
//!  SFTP / drop folder / POST /claims / FILE / stdin
//!    │
//!    ▼
//!  intake        whole? seen before? seal a raw copy first, note the receipt time
//!    │
//!  x12           separators from the ISA; bytes → borrowed segments (nom, streaming, bounded)
//!    │
//!  envelope      ISA/GS/ST: control numbers, counts                 ─► TA1, 999 findings
//!    │
//!  guide         segments → loops, driven by tables                 ─► 999 findings (SNIP 1–2)
//!    │
//!  claim         loops → one typed claim at a time (837P, 837I), with all of its text
//!    │
//!  edits         claim → findings (SNIP 3–7)                        ─► 277CA
//!    │
//!  adjudication  claim + facts + rules → determination (pure, balanced by construction)
//!    │
//!  ledger        one transaction: file progress, determinations; its sequence is the outbox
//!    │
//!  delivery      outbox → event log or Kafka, acknowledgements, 835s   (rendered by acks, remittance, events)
//! ```
//!
//! # Tiers
//!
//! A module uses modules of lower tiers only; those of one tier do not know each other. A module that
//! is *pure* is a function of its arguments: no files, sockets or processes, no clock, no randomness,
//! no logs or metrics (the traits of `std::io` are allowed: they are values to it). `tests/tidy.rs`
//! reads this table and holds the code to it; a new module needs a row here.
//!
//! | Tier | Modules | Kind |
//! |---:|---|---|
//! | 1 | `limits` `loop_id` `phi` `text_form` `word` | pure |
//! | 1 | `failpoints` | rim |
//! | 2 | `ids` `money` `position` | pure |
//! | 2 | `clock` `telemetry` | rim |
//! | 3 | `finding` | pure |
//! | 3 | `durable` `sealing` | rim |
//! | 4 | `config` | rim |
//! | 5 | `tables` | rim |
//! | 6 | `x12` | pure |
//! | 7 | `envelope` | pure |
//! | 8 | `guide` | pure |
//! | 9 | `claim` | pure |
//! | 10 | `edits` `adjudication` | pure |
//! | 11 | `acks` `remittance` `events` | pure |
//! | 12 | `intake` `ledger` | rim |
//! | 13 | `delivery` | rim |
//! | 14 | `pipeline` `synthetic` | rim |
//! | 15 | `service` | rim |
//! | 16 | `cli` | rim |
//!
//! # What always holds
//!
//! - **Positions, never values.** An error, a log line, a `Debug` text or a panic names where something
//!   stands, never what a claim says there. [`phi::Phi`] keeps protected values in; `expose_for` is the
//!   only way out, and the files that call it are listed with a reason in `tests/tidy.rs`.
//! - **Money is exact.** [`money::Money`] is a checked decimal; there is no float.
//! - **A determination balances.** Its fields are private and its constructor proves that charge less
//!   adjustments is what is paid, per line and per claim.
//! - **Every claim is accounted for.** received = rejected + paid + denied + pended + forwarded +
//!   recorded, for every file.
//! - **The same bytes, rules, reference data and as-of time give the same decisions**, on any machine
//!   and any number of threads. What a stage must know from the store is fetched by the pipeline and
//!   handed in as values.
//! - **Everything has a limit**, in [`limits`], with its reason.
//! - **One way out.** The outbox is a cursor over the ledger's journal, not a copy: what is published
//!   is rendered from journal entries, to the same bytes each time.
//! - **One store.** The ledger's journal is the truth; indexes beside it can be rebuilt from it.
//!
//! # Reading order
//!
//! 1. `adjudication`: the steps of a decision in their order.
//! 2. `pipeline`: where the stages meet.
//! 3. [`x12`], then [`envelope`], `guide` and [`claim`]: how bytes become a claim.
//! 4. [`finding`]: what can be wrong, and the code by which the outside is told.
//! 5. [`ledger`] and [`events`]: what is remembered and what is told.
//! 6. [`service`]: day and night around all of it.
//!
//! # Where the code differs from the plan it began with
//!
//! | Plan | Code | Why |
//! |---|---|---|
//! | `ids money phi limits clock position loop_id telemetry` in one tier | three tiers | `position` names a `loop_id`, and `ids` and `money` have their limits from `limits` |
//! | `config.rs` | `config/` | reading, values, payer, partners and brokers are five subjects |
//! | – | [`sealing`] | encryption at rest and tokens serve the archive, the ledger and the reference data alike |
//! | unknown keys refused by serde | refused by the reading code, which knows what it asked for | serde's errors name neither the nearest key nor an environment variable |
//! | `tracing-opentelemetry` for `[telemetry] otlp_endpoint` | a layer of our own before opentelemetry-otlp | it would export every field and log line; ours lets out a closed list, and the trace id of a file is its `trace` |
//! | `telemetry.rs` | `telemetry/` | log lines for people and for programs, spans and the metrics are subjects of their own |
//! | files through channels only | also by `POST /claims` ([`service`]) | real-time payment begins with a real-time answer; it is read from the ledger by what writes the outbound files |
//! | – | [`failpoints`] | every durable step can be made to fail or to be the last one, which `tests/crash` does |
//! | – | [`durable`] | the archive, the ledger's index, the event log and outbound files all appear whole or not at all |
//! | – | [`synthetic`] | the demo, the tests and the benches need claims whose outcome is known |
//! | one position for everything that leaves | events and files have one each | an absent broker must not hold up acknowledgements and payments |
//! | the dead-letter store as a queue | facts of the journal that point to what could not leave | they leave as events like all others, and a redrive is one more fact |
//! | 277CA totals rendered after the set closes | an acknowledgement is a fact that names its claims' range in the journal, rendered in two walks | memory stays flat for a set of any size |
//! | delivery after deciding | events leave while the next claims are decided, from the facts in memory | a slow broker slows intake, and half of what was read again is not read at all |
//! | OpenPGP by a library | decrypted by one, and followed by `intake::openpgp::framing` | to a decryption a message that is still on its way is one that was changed |
//! | one channel for each partner | two, and `service::fail_over` between them | a clearinghouse that is down for weeks must not stop its claims |
//! | the claims of a file stand together in the journal | those of other files may stand between them, and a 277CA picks its own | a file of 2 GB must not hold up a small one |
//! | a second process is refused | one that writes is; looks and loads of reference data go on beside the service | operators ask while it works |
//! | zip by a library | `intake::zip_entries` | the library's stream reader refuses entries whose sizes follow them, as every packer to a pipe writes |
//! | one position for all that a partner is sent | acknowledgements by position, 835s by what the ledger's index says of each | a payee that is enrolled late has its earlier 835s sent, and what was said of an 835 is found by its control number |
//! | an index of every claim by the payer's number | `ledger::claim_index`, caught up with the ledger's own runs when a replacement asks | claims that replace nothing, nearly all, pay nothing for it |
//! | duplicates in an LSM store | `ledger::line_index`: sorted runs with a filter each, chained, rebuilt from the ledger's own runs | two hundred lines, no second database to keep in step |
//!
//! # What is thin, and where it grows
//!
//! - **Kafka.** One publisher, for one outbox: the lock of the data directory decides who it is. With
//!   several machines that needs a lease, and an outbox, a transactional id and a key of the progress topic
//!   for each shard. Topics are checked against what delivery needs, never changed.
//! - **Replacements and voids.** A denied original may be replaced under every policy, and what waits for a person
//!   can't be. Interest that was paid is not asked back. No decision is taken back but by a claim: retroactive
//!   changes of eligibility or rates have no way in yet. A payee's balance waits for its next payment.
//! - **Reference data** is parsed from its sealed CSV at every start; a binary snapshot or an index on
//!   disk is what a start in 100 ms with 900,000 members needs.
//! - **Other claims of a member** are asked for `frequency`, whose services are read from the whole journal at
//!   each start (`pipeline::services`), by the id on the claim and not across merged ids; runs on disk like those
//!   of lines are what a large journal needs. Pairs, units of a day, suspect duplicates, readmissions and stays are
//!   found by the index of lines (`pipeline::other_claims`), among claims that were decided since it has them.
//! - **What no rule decides yet:** small interest is paid with its claim and never gathered by the month; a claim
//!   that is the plan's in part is not passed on to the network for the rest, but sent back; a readmission is one to
//!   the same facility; the peers of a provider are those of one taxonomy, and are compared when somebody asks.
//! - **Rule packs of before** lack keys that exemptions have since: under one, prenatal care is not paid before other
//!   coverage (`pay_and_chase`).
//! - **Code sets** are read by `tables::code_sets`, and no command loads them yet; `edits::CodeLookup` is
//!   where their answers go in.
//! - **Speed of reading** is under half of what is aimed at. A segment of the lean workload takes some 270 instructions
//!   to be cut, 1,150 to become part of a typed claim, 2,030 with every check and edit, as callgrind counts them
//!   (`benches/instructions`); half a gigabyte of claims a second leaves some 500. They are spread: a quarter goes into
//!   finding the loop, a tenth each into the claim's own text and into short strings, a twentieth into allocations.
//!   Tried, and no faster: UTF-8 looked at for many segments at once, and characters looked at where delimiters are
//!   found. What would help next: elements handed on as words instead of slices, fewer and smaller fields of a line,
//!   text that is borrowed from the claim's own. One file is read by one thread.
//! - **Speed of `ingest`** is some 60 µs of processor time a claim (380 thousand instructions), spread flat: pass 1 and pass 2 read every
//!   segment twice, an 835 reads each decision whole, and every string of one is an allocation. What would help
//!   next: dates, decimals and codes as numbers in stored facts (they are text, for which facts need a new form, as
//!   decisions have two in `events::stored`), looked-up facts behind what answers repeat, so that an 835 does not
//!   read them, and pass 1 on all threads. Two cores are used by 1.45: the committer and the publisher each work nearly
//!   all of the time that deciding takes, much of it waiting for the disk; longer channels between them and other sizes
//!   of batches were tried, and are no faster.
//! - **Memory of `ingest`** is seven batches of claims, some tables, and what grows slowly with a file: its
//!   findings (bounded) and the filters of its lines (nine bits each).
//! - **The service** has one worker. Small files that wait are taken in together, large ones take turns of a
//!   tenth of a second with everything else ([`pipeline`]`::underway`); the first reading of a large file, before
//!   its claims are decided, is the one thing that is not done in turns (some 250 MB a second). Each answer put into
//!   a drop folder is one more file of ext4, which is what bounds many small files.
//! - **835s at partners.** `ledger::remits` has a row for each, from its building to the last word of its partner;
//!   what is missing is sending a rejected one again, and taking one off the list of what is chased by hand.
//! - **Authorization units** consumed are accumulated per row, kept in memory for rows that were used.

pub mod acks;
pub mod adjudication;
pub mod claim;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod durable;
pub mod edits;
pub mod envelope;
pub mod events;
pub mod failpoints;
pub mod finding;
pub mod guide;
pub mod ids;
pub mod intake;
pub mod ledger;
pub mod limits;
pub mod loop_id;
pub mod money;
pub mod phi;
pub mod pipeline;
pub mod position;
pub mod remittance;
pub mod sealing;
pub mod service;
pub mod synthetic;
pub mod tables;
pub mod telemetry;
pub mod text_form;
pub mod word;
pub mod x12;
