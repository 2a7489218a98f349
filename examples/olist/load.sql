-- The nine tables as a shop's database would hold them. Each is filled by COPY from its CSV file.
DROP TABLE IF EXISTS customers, geolocation, order_items, order_payments, order_reviews, orders, products, sellers,
    category_translation;
CREATE TABLE customers (
    customer_id text PRIMARY KEY, customer_unique_id text NOT NULL, customer_zip_code_prefix text NOT NULL,
    customer_city text NOT NULL, customer_state char(2) NOT NULL);
CREATE TABLE geolocation (
    geolocation_zip_code_prefix text NOT NULL, geolocation_lat double precision NOT NULL,
    geolocation_lng double precision NOT NULL, geolocation_city text NOT NULL, geolocation_state char(2) NOT NULL);
CREATE TABLE order_items (
    order_id text NOT NULL, order_item_id integer NOT NULL, product_id text NOT NULL, seller_id text NOT NULL,
    shipping_limit_date timestamp, price numeric(10, 2) NOT NULL, freight_value numeric(10, 2) NOT NULL,
    PRIMARY KEY (order_id, order_item_id));
CREATE TABLE order_payments (
    order_id text NOT NULL, payment_sequential integer NOT NULL, payment_type text NOT NULL,
    payment_installments integer, payment_value numeric(10, 2) NOT NULL);
CREATE TABLE order_reviews (
    review_id text NOT NULL, order_id text NOT NULL, review_score smallint NOT NULL, review_comment_title text,
    review_comment_message text, review_creation_date timestamp, review_answer_timestamp timestamp);
CREATE TABLE orders (
    order_id text PRIMARY KEY, customer_id text NOT NULL, order_status text NOT NULL,
    order_purchase_timestamp timestamp NOT NULL, order_approved_at timestamp, order_delivered_carrier_date timestamp,
    order_delivered_customer_date timestamp, order_estimated_delivery_date timestamp);
CREATE TABLE products (
    product_id text PRIMARY KEY, product_category_name text, product_name_lenght integer,
    product_description_lenght integer, product_photos_qty integer, product_weight_g integer,
    product_length_cm integer, product_height_cm integer, product_width_cm integer);
CREATE TABLE sellers (
    seller_id text PRIMARY KEY, seller_zip_code_prefix text NOT NULL, seller_city text NOT NULL,
    seller_state char(2) NOT NULL);
CREATE TABLE category_translation (
    product_category_name text PRIMARY KEY, product_category_name_english text NOT NULL);
