/**
 * The shapes of what the API and the socket say. Types only: nothing imports this at run time.
 *
 * @import {NodeProgress} from "./workflow_types.js"
 *
 * @typedef {"queued" | "running" | "succeeded" | "failed" | "cancelled"} JobState
 *
 * @typedef {object} SchedulerName
 * @property {string} key
 * @property {string} name
 *
 * @typedef {object} Model
 * @property {string} key
 * @property {string} name
 * @property {boolean} included
 * @property {string | null} smallest_plan
 * @property {number} default_width
 * @property {number} default_height
 * @property {number} min_size
 * @property {number} max_size
 * @property {number} default_steps
 * @property {number} default_guidance
 * @property {string} default_scheduler
 * @property {SchedulerName[]} schedulers
 * @property {string | null} provider the other service that makes its pictures
 * @property {number} [credits_a_picture] of that service, in its default size; the Create page has it
 * @property {[number, number][]} sizes all that it makes, empty where the range is free
 * @property {string[]} settings_not_taken
 * @property {number} max_steps
 * @property {number} max_images
 * @property {string[]} example_prompts
 *
 * @typedef {object} Guides what may guide a generation beside its prompt, as the API takes it
 * @property {object | null} mask
 * @property {object | null} outpaint
 * @property {object | null} upscale
 * @property {object | null} high_res
 * @property {object | null} variation
 * @property {object[]} loras
 * @property {object[]} embeddings
 * @property {object[]} controls
 * @property {object | null} image_prompt
 * @property {string[]} references
 * @property {object[]} regions
 * @property {number} clip_skip
 * @property {string | null} vae
 * @property {string[]} seamless
 * @property {object | null} refiner
 *
 * @typedef {object} Metadata
 * @property {string} [prompt]
 * @property {string} [negative_prompt]
 * @property {string} [model]
 * @property {number | null} [width]
 * @property {number | null} [height]
 * @property {number | null} [steps]
 * @property {number | null} [guidance_scale]
 * @property {string} [scheduler]
 * @property {number | null} [seed]
 * @property {number | null} [strength]
 * @property {string | null} [init_image]
 *
 * @typedef {object} Picture
 * @property {string} image_name
 * @property {string} full_url
 * @property {string} thumbnail_url
 * @property {Record<"256" | "512", string>} thumbnail_urls
 * @property {number} width
 * @property {number} height
 * @property {"internal" | "external"} image_origin
 * @property {boolean} starred
 * @property {string | null} board
 * @property {string | null} generation
 * @property {boolean} has_workflow of Easel or of another tool
 * @property {Metadata} metadata
 * @property {string} created_at
 *
 * @typedef {{day: string, image_count: number}} Day
 *
 * @typedef {object} Facts what can be changed of a picture, as its tile tells it
 * @property {string} name
 * @property {string} board the id of a board, or "none"
 * @property {boolean} starred
 * @property {number} rating
 * @property {string[]} tags
 *
 * @typedef {object} Outline where the pages of a list begin
 * @property {string[]} cursors
 * @property {number} length
 * @property {boolean} goes_on
 *
 * @typedef {object} Progress
 * @property {number} step
 * @property {number} total
 * @property {number} percent
 * @property {number | null} seconds_left
 * @property {string | null} preview
 *
 * @typedef {object} Failure
 * @property {string} code
 * @property {string} detail
 * @property {string} error_id
 *
 * @typedef {object} Job
 * @property {string} id
 * @property {"generation" | "workflow" | "training"} [kind]
 * @property {JobState} state
 * @property {string} model
 * @property {string} prompt
 * @property {string} negative_prompt
 * @property {number} width
 * @property {number} height
 * @property {number} steps
 * @property {number} guidance_scale
 * @property {string} scheduler
 * @property {number} seed
 * @property {number} num_images
 * @property {string | null} init_image
 * @property {number | null} strength
 * @property {number} attempt
 * @property {string} created_at
 * @property {string | null} started_at
 * @property {string | null} finished_at
 * @property {number | string | null} compute_seconds
 * @property {QueuePlace | null} queue
 * @property {Progress | null} progress
 * @property {Picture[]} images
 * @property {Failure | null} error
 * @property {boolean} cancel_requested
 *
 * @typedef {object} JobPage
 * @property {string | null} next
 * @property {Job[]} results
 *
 * @typedef {"png" | "webp" | "jpeg"} ExportFormat
 *
 * What is asked of an archive; a board is an id, "none" or "all".
 * @typedef {({images: string[]} | {board: string}) & {format?: ExportFormat}} ArchiveRequest
 *
 * @typedef {object} ArchiveState
 * @property {string} id
 * @property {"waiting" | "running" | "ready" | "failed"} status
 * @property {number} done
 * @property {number} total
 * @property {string | null} url of the file, once it is ready
 *
 * @typedef {ArchiveState & {is_streamed: boolean, detail: string, error_id: string}} Archive
 *
 * @typedef {object} ErrorEnvelope
 * @property {string} detail
 * @property {string} code
 * @property {number} [available] the credits there are, where they were too few
 * @property {string} [error_id]
 * @property {Record<string, string[]>} [fields]
 * @property {string} [node] of a workflow that is refused as a whole: what it is about
 *
 * @typedef {object} GenerationRequest
 * @property {string} prompt
 * @property {string} negative_prompt
 * @property {string} model
 * @property {number | string | undefined} width
 * @property {number | string | undefined} height
 * @property {number | string | undefined} [steps]
 * @property {number | string | undefined} [guidance_scale]
 * @property {string} [scheduler]
 * @property {number | string | undefined} [seed]
 * @property {number} num_images
 * @property {string} [init_image]
 * @property {number} [strength]
 *
 * @typedef {Omit<GenerationRequest, "prompt" | "negative_prompt"> & Partial<Guides>} Settings
 *
 * What decides the price of a generation, and nothing else.
 * @typedef {Pick<GenerationRequest, "model" | "width" | "height" | "steps" | "num_images" | "init_image" | "strength"> & Partial<Guides>} PricedSettings
 *
 * @typedef {object} ImageService as the page tells it, by its name in the API
 * @property {string} name
 * @property {"own" | "house"} key_owner
 *
 * @typedef {object} Quote
 * @property {number} credits
 * @property {"measured" | "scaled" | "planned" | "price"} [basis]
 * @property {number} available
 * @property {string} token
 *
 * @typedef {{available: number, held: number}} Balance
 *
 * @typedef {{paused: boolean, waiting: number, running: number}} QueueCounts
 * @typedef {{type: "snapshot", jobs: Job[], balance: Balance, queue: QueueCounts}} SnapshotEvent
 * @typedef {{type: "balance"} & Balance} BalanceEvent
 * @typedef {"worker" | "own_job" | "idle" | "paused"} WaitingFor
 * @typedef {{earliest: number, latest: number | null}} StartsIn
 * @typedef {{position: number, waiting_for: WaitingFor, starts_in: StartsIn | null}} QueuePlace
 *
 * @typedef {{type: "queue", jobs: ({job_id: string} & QueuePlace)[]} & QueueCounts} QueueEvent
 * @typedef {{type: "queued", job_id: string, prompt: string, created_at: string}} QueuedEvent
 * @typedef {{type: "started", job_id: string, attempt: number}} StartedEvent
 * @typedef {{type: "progress", job_id: string, attempt: number} & Progress} ProgressEvent
 * @typedef {{type: "training", job_id: string, attempt: number, step: number, total: number, losses: [number, number][], sample: string | null}} TrainingEvent
 * @typedef {{type: "image", job_id: string, image: Picture}} ImageEvent
 * @typedef {{type: "finished", job_id: string, state: "succeeded" | "cancelled", compute_seconds: number | null}} FinishedEvent
 * @typedef {{type: "failed", job_id: string, error: Failure}} FailedEvent
 * @typedef {{type: "archive"} & ArchiveState} ArchiveEvent
 * @typedef {{type: "node", job_id: string, attempt: number, node: string} & NodeProgress} NodeEvent
 * @typedef {SnapshotEvent | BalanceEvent | QueueEvent | QueuedEvent | StartedEvent | ProgressEvent | NodeEvent | TrainingEvent | ImageEvent | FinishedEvent | FailedEvent | ArchiveEvent} StudioEvent
 *
 * @typedef {{prompt: string, negative_prompt: string}} Prompts
 *
 * @typedef {object} StylePreset
 * @property {string} id
 * @property {string} name
 * @property {string} prompt
 * @property {string} negative_prompt
 * @property {boolean} is_shared
 * @property {string | null} cover_url
 *
 * @typedef {object} PromptTemplates what prompts are to be made of
 * @property {string} prompt
 * @property {string} negative_prompt
 * @property {string | null} preset the id of a style
 * @property {"all" | "random"} mode
 * @property {number} count how many, at random
 * @property {number | null} seed
 *
 * @typedef {{paused: boolean, running: Job[], waiting: Job[], ended: Job[]}} Queue
 * @typedef {{to: "front" | "end"} | {before: string} | {after: string}} Move
 */

export {};
